"""`release VERSION`, `release status`, `release abort`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.release.records import Decision, Reading
    from fullturn.verbs.release_state import Release

QUIET, MINUTE = 30.0, 60.0
"""Seconds without a request after which it is said, and said again."""
ENDINGS = {"promote": "[green]promoted[/green]", "roll back": "[red]rolled back[/red]"}


class _Release(click.Group):
    """`release VERSION` is short for `release start VERSION`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            args = ["start", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Release)
def release() -> None:
    """Bring a version to users by evidence: shadow → canary → champion, or back.

    `fullturn release VERSION` begins, or goes on with, the release of VERSION.
    """


@release.command()
@click.argument("version")
@json_option
def start(version: str, as_json: bool) -> None:
    """Release VERSION to the users of the running server, and wait for the decision."""
    from fullturn.verbs import references, release

    project = opened()
    references.version(project, version)
    if not as_json:
        show_forecast(release.foreseen(project))
    looks = Looks(as_json)
    ended = release.release(project, version, looks)
    if as_json:
        say_json(ended)
        return
    show_ended(ended)
    say_next("fullturn history", "fullturn monitor", "fullturn rollback --reason '…'")


@release.command()
@json_option
def status(as_json: bool) -> None:
    """Show where the release under way stands, and what its evidence says."""
    from fullturn.verbs import release, release_state

    project = opened()
    found, decision = release.status(project)
    driven = release_state.driven(project, found)
    if as_json:
        say_json({"release": found, "decision": decision, "driven": driven})
        return
    if not driven:
        say("[yellow]nobody drives it: everyone gets the champion until somebody goes on[/yellow]")
    say(f"version {found.version} against champion {found.champion}: [bold]{found.stage}[/bold]")
    show_decision(decision)
    say_next(f"fullturn release {found.version}", "fullturn release abort --reason '…'")


@release.command()
@click.option("--reason", required=True, help="Why; it is kept with the release.")
@json_option
def abort(reason: str, as_json: bool) -> None:
    """End the release under way: everyone gets the champion, at once."""
    from fullturn.verbs import release

    ended = release.abort(opened(), reason)
    if as_json:
        say_json(ended)
        return
    show_ended(ended)
    say_next("fullturn history")


class Looks:
    """Says what is new in the looks at a release: each stage, its last evidence, and silence."""

    def __init__(self, as_json: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._as_json, self._clock = as_json, clock
        self._stage = ""
        self._said = self._requests = 0
        self._since = self._reminded = 0.0

    def __call__(self, release: Release, decision: Decision) -> None:
        """Say it, if it is worth a line."""
        if self._as_json:
            return
        if decision.stage != self._stage:
            self._stage, self._said = decision.stage, 0
            self._came(decision)
            say(f"[bold]{decision.stage}[/bold] {ABOUT[decision.stage]}")
        doubled = decision.requests >= max(100, 2 * self._said)
        if decision.action != "go on":
            show_decision(decision)
        elif doubled:
            self._said = decision.requests
            say(f"[dim]  {escape(_standing(decision))}[/dim]")
        else:
            self._listen(decision)

    def _came(self, decision: Decision) -> None:
        self._requests, self._reminded = decision.requests, 0.0
        self._since = self._clock()

    def _listen(self, decision: Decision) -> None:
        """Say that nobody asks, after QUIET seconds and then each minute."""
        if decision.requests != self._requests:
            self._came(decision)
        quiet = self._clock() - self._since
        if quiet >= (self._reminded + MINUTE if self._reminded else QUIET):
            self._reminded = quiet
            both = " in both arms" if decision.stage == "canary" else ""
            say(
                f"[yellow]  {decision.stage}: no request{both} for {quiet:.0f} s: is `fullturn "
                "serve` running, and does anybody ask it?[/yellow]"
            )


ABOUT = {
    "shadow": "copies of live requests; no user sees its answers",
    "canary": "some users get it, as many others the champion, at the same time",
}


def show_decision(decision: Decision) -> None:
    """A look: the evidence of each guardrail, what follows, and why."""
    rows = [
        (
            one.guardrail,
            f"{one.pairs:,}",
            *(_figures(one) if one.pairs else "----"),
            one.worse_told,
            one.not_worse_told,
        )
        for one in decision.readings
    ]
    columns = (
        "guardrail", ">pairs", ">champion", ">version", ">difference", ">bounds", ">worse?",
        ">not worse?",
    )  # fmt: skip
    table(columns, rows)
    colour = {"advance": "green", "promote": "green", "roll back": "red"}.get(
        decision.action, "dim"
    )
    say(f"[{colour}]{decision.action}:[/{colour}] {escape(decision.reason)}")


def show_ended(ended: Release) -> None:
    """How a release ended."""
    if ended.ending:
        say(f"version {ended.version} {ENDINGS[ended.ending]}: {escape(ended.reason)}")


def show_forecast(sentences: list[str]) -> None:
    """What the release may do wrong and can find, before it starts."""
    for sentence in sentences:
        say(f"[dim]{escape(sentence)}[/dim]")


def _figures(one: Reading) -> tuple[str, ...]:
    return (
        f"{one.champion:.3f}",
        f"{one.candidate:.3f}",
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
    )


def _standing(decision: Decision) -> str:
    """What is missing; that names the requests itself as long as they are too few."""
    if decision.requests < decision.minimum:
        return decision.reason
    return f"{decision.requests:,} requests; {decision.reason}"


COMMANDS = (release,)
