"""`monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.core.entities import Alarm
    from fullturn.verbs.monitor import Seen

COLOURS = {
    "broken pipeline": "red",
    "harmful shift": "red",
    "harmless shift": "green",
    "unclear": "yellow",
}
LONGEST = 85
"""Characters of an example."""


@click.command()
@click.option(
    "--page", type=click.Path(path_type=Path), metavar="FILE", help="Write the page with plots."
)
@json_option
def monitor(page: Path | None, as_json: bool) -> None:
    """Show each detector's state, and the alarms with their diagnosis."""
    from fullturn.verbs import monitor

    found = monitor.Monitor(opened())
    found.step()
    seen = found.seen()
    if page:
        page.write_text(monitor.page(seen), encoding="utf-8")
    if as_json:
        say_json(seen)
        return
    show_seen(seen)
    for alarm in seen.alarms[-3:]:
        show_alarm(alarm)
    written = [f"open {page}"] if page else ["fullturn monitor --page monitor.html"]
    say_next(*written, "fullturn turn")


def show_seen(seen: Seen) -> None:
    """Every detector, and how far its statistic is from an alarm."""
    say(
        f"version {seen.version}: {seen.requests:,} requests watched, {seen.labelled:,} of them "
        f"with a label, {len(seen.alarms)} alarms"
    )
    rows = [
        (
            state.name,
            f"{state.requests:,}",
            _bar(state.share) + (" resting" if state.resting else ""),
            f"{state.arl:,.0f}",
            str(state.alarms or "-"),
        )
        for state in seen.states
    ]
    table(("detector", ">seen", "way to an alarm", ">ARL declared", ">alarms"), rows)


def show_alarm(alarm: Alarm) -> None:
    """An alarm with its diagnosis."""
    from fullturn.monitoring.report import seen_as

    found, colour = alarm.diagnosis, COLOURS[alarm.diagnosis.verdict]
    say(
        f"[bold]alarm[/bold] of {escape(alarm.detector)} after {seen_as(alarm)}: "
        f"[{colour}]{found.verdict}[/{colour}]"
    )
    say(f"  {escape(found.reason)}")
    if found.words:
        words = escape(", ".join(found.words))
        say(f"  more than before, the texts say: [bold]{words}[/bold]")
    for change in found.changes[:3]:
        say(f"  [dim]{escape(change.sentence)}[/dim]")
    for example in found.examples[:2]:
        text = " · ".join(str(value) for value in example["input"].values())
        say(f"  [dim]for example: {escape(_short(text))}[/dim]")


def _short(text: str) -> str:
    """On one line of a terminal, with the rest of the sentence."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _bar(share: float) -> str:
    filled = round(10 * share)
    return "█" * filled + "░" * (10 - filled) + f" {share:4.0%}"


COMMANDS = (monitor,)
