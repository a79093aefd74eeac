"""`demo`, `init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fullturn.cli.verb import answer, json_option


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
@click.option("--csv", type=click.Path(path_type=Path), help="Rows.")
@click.option("--test", type=click.Path(path_type=Path), help="Test rows, if they are apart.")
@click.option("--text", metavar="COLUMN", help="The column to classify.")
@click.option("--label", metavar="COLUMN", help="The column to predict.")
@click.option("--example", metavar="NAME", help="Start from an example: assistant or wine.")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool, **options: Any) -> int:
    """Write a project into FOLDER, for the built-in text classifier or from an example.

    A classifier needs --csv, --text and --label. The project comes with workflows that run
    `fullturn ci` and `fullturn cd` on GitHub and GitLab; files of yours are never replaced.
    """
    from fullturn.verbs.init import init

    return answer(init(folder, **options), as_json)


COMMANDS = (demo, init)
