"""`turn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, progress, say, say_json, say_next
from fullturn.cli.release import Looks
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.loop.turn import Step


@click.command()
@click.option("--watch", "keep", is_flag=True, help="Keep turning until interrupted.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=10.0, show_default=True, metavar="SECONDS",
    help="Pause between two passes of --watch.",
)  # fmt: skip
@json_option
def turn(keep: bool, every: float, as_json: bool) -> None:
    """Do what is due and say why: monitor, retrain, data, search, gate, release.

    With --json, one step a line when watching, one list otherwise.
    """
    from fullturn.loop.turn import Turner

    steps = []
    with progress() as watch:
        turner = Turner(opened(), watch, Looks(as_json))
        for step in turner.watch(every) if keep else turner.turn():
            steps.append(step)
            if not as_json:
                show_step(step)
            elif keep:
                say_json(step)
    if as_json:
        say_json(steps)
        return
    say_next("fullturn history", "fullturn lineage champion", "fullturn predict text='…'")


def show_step(step: Step) -> None:
    """One step of a turn, with its reason."""
    sign = "[green]✓[/green]" if step.done else "[dim]·[/dim]"
    say(f"{sign} [bold]{step.stage:<12}[/bold] {escape(step.what)} [dim]({escape(step.why)})[/dim]")


COMMANDS = (turn,)
