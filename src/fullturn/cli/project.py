"""`demo`, `init`."""

from __future__ import annotations

from pathlib import Path

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.verb import json_option


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


COMMANDS = (demo, init)
