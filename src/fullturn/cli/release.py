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
    from fullturn.release.state import Release

QUIET, MINUTE = 30.0, 60.0
"""Seconds without a request before the first and further reminders."""
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
    """Release a version in stages: shadow → canary → champion, or a rollback.

    `fullturn release VERSION` starts or resumes the release of VERSION.
    """


@release.command()
@click.argument("version")
@json_option
def start(version: str, as_json: bool) -> None:
    """Release VERSION on the running server and wait for the decision."""
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
    """Show the stage and the evidence of the active release."""
    from fullturn.release.state import has_controller
    from fullturn.verbs import release

    project = opened()
    found, decision = release.status(project)
    driven = has_controller(project.store, found)
    if as_json:
        say_json({"release": found, "decision": decision, "driven": driven})
        return
    if not driven:
        say("[yellow]no controller is running; all traffic goes to the champion[/yellow]")
    say(f"version {found.version} against champion {found.champion}: [bold]{found.stage}[/bold]")
    show_decision(decision)
    say_next(f"fullturn release {found.version}", "fullturn release abort --reason '…'")


@release.command()
@click.option("--reason", required=True, help="Reason, recorded with the release.")
@json_option
def abort(reason: str, as_json: bool) -> None:
    """Abort the active release; all traffic goes to the champion immediately."""
    from fullturn.verbs import release

    ended = release.abort(opened(), reason)
    if as_json:
        say_json(ended)
        return
    show_ended(ended)
    say_next("fullturn history")


class Looks:
    """Reports the progress of a release: each stage, its last evidence, and missing requests."""

    def __init__(self, as_json: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._as_json, self._clock = as_json, clock
        self._stage = ""
        self._said = self._requests = 0
        self._since = self._reminded = 0.0

    def __call__(self, release: Release, decision: Decision) -> None:
        """Report this look if it is news."""
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
            say(f"[dim]  {escape(_progress(decision))}[/dim]")
        else:
            self._listen(decision)

    def _came(self, decision: Decision) -> None:
        self._requests, self._reminded = decision.requests, 0.0
        self._since = self._clock()

    def _listen(self, decision: Decision) -> None:
        """Report missing requests after QUIET seconds and then every minute."""
        if decision.requests != self._requests:
            self._came(decision)
        quiet = self._clock() - self._since
        if quiet >= (self._reminded + MINUTE if self._reminded else QUIET):
            self._reminded = quiet
            both = " in both arms" if decision.stage == "canary" else ""
            say(
                f"[yellow]  {decision.stage}: no requests{both} for {quiet:.0f} s; is `fullturn "
                "serve` running and receiving requests?[/yellow]"
            )


ABOUT = {
    "shadow": "answers copies of live requests; users do not see its answers",
    "canary": "serves some users; an equal number get the champion at the same time",
}


def show_decision(decision: Decision) -> None:
    """A look: the evidence for each guardrail, the action, and its reason."""
    rows = [
        (
            one.guardrail,
            f"{one.pairs:,}",
            *(_figures(one) if one.pairs else "----"),
            one.worse_text,
            one.not_worse_text,
        )
        for one in decision.readings
    ]
    columns = (
        "guardrail", ">pairs", ">champion", ">version", ">difference", ">bounds", ">worse",
        ">non-inferior",
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
    """Error rates and detectable effects of the release, before it starts."""
    for sentence in sentences:
        say(f"[dim]{escape(sentence)}[/dim]")


def _figures(one: Reading) -> tuple[str, ...]:
    return (
        f"{one.champion:.3f}",
        f"{one.candidate:.3f}",
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
    )


def _progress(decision: Decision) -> str:
    """What is missing; the reason includes the request count while there are too few."""
    if decision.requests < decision.minimum:
        return decision.reason
    return f"{decision.requests:,} requests; {decision.reason}"


COMMANDS = (release,)
