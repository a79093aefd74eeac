"""`release VERSION`, `release status`, `release abort`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, show
from fullturn.cli.verb import answer, json_option, opened

if TYPE_CHECKING:
    from fullturn.release.records import Decision
    from fullturn.release.state import Release

QUIET, MINUTE = 30.0, 60.0
"""Seconds without a request before the first and further reminders."""


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
@click.argument("reference", metavar="VERSION")
@json_option
def start(reference: str, as_json: bool) -> int:
    """Release VERSION on the running server and wait for the decision."""
    listening = {} if as_json else {"on_forecast": show_forecast}
    return answer(opened().release(reference, Looks(as_json), **listening), as_json)


@release.command()
@json_option
def status(as_json: bool) -> int:
    """Show the stage and the evidence of the active release."""
    return answer(opened().release.status(), as_json)


@release.command()
@click.option("--reason", required=True, help="Reason, recorded with the release.")
@json_option
def abort(reason: str, as_json: bool) -> int:
    """Abort the active release; all traffic goes to the champion immediately."""
    return answer(opened().release.abort(reason), as_json)


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
            show(decision)
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


def show_forecast(sentences: list[str]) -> None:
    """Error rates and detectable effects of the release, before it starts."""
    for sentence in sentences:
        say(f"[dim]{escape(sentence)}[/dim]")


def _progress(decision: Decision) -> str:
    """What is missing; the reason includes the request count while there are too few."""
    if decision.requests < decision.minimum:
        return decision.reason
    return f"{decision.requests:,} requests; {decision.reason}"


COMMANDS = (release,)
