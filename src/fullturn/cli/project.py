"""`demo`, `init`, `turn`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, progress, say, say_json, say_next
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.loop.turn import Step


@click.command()
@click.argument("folder", default="demo", type=click.Path(path_type=Path))
@click.option("--keep-serving", is_flag=True, help="Leave the server up at the end.")
@json_option
def demo(folder: Path, keep_serving: bool, as_json: bool) -> None:
    """Make an example project in FOLDER and take it all the way round.

    The example is an assistant that answers questions about MLOps from a handbook.
    Running it again starts over.
    """
    from fullturn.cli.walk import walk

    walk(folder, as_json=as_json, keep_serving=keep_serving)


@click.command()
@click.option("--csv", "table", required=True, type=click.Path(path_type=Path), help="Rows.")
@click.option("--test", type=click.Path(path_type=Path), help="Test rows, if they are apart.")
@click.option("--text", required=True, metavar="COLUMN", help="The column to classify.")
@click.option("--label", required=True, metavar="COLUMN", help="The column to predict.")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(
    table: Path, test: Path | None, text: str, label: str, folder: Path, as_json: bool
) -> None:
    """Write a project for the built-in text classifier into FOLDER."""
    from fullturn.loop import starting

    made = starting.init(folder, table, text, label, test)
    if as_json:
        say_json({"folder": str(made)})
        return
    say(f"project in [bold]{escape(made)}[/bold]: fullturn.toml, the data, a CI workflow")
    say_next(f"cd {escape(made)} && fullturn turn")


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
    from fullturn.cli.release import Looks
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


COMMANDS = (demo, init, turn)
