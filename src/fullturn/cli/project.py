"""`demo`, `init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fullturn.cli.verb import answer, json_option


@click.command()
@click.argument("folder", default="demo", type=click.Path(path_type=Path))
@click.option("--keep-serving", is_flag=True, help="Keep the server running at the end.")
@json_option
def demo(folder: Path, keep_serving: bool, as_json: bool) -> None:
    """Create an example project in FOLDER and run the full lifecycle on it.

    The example is an assistant that answers questions about MLOps from a handbook. Running the
    demo again starts over.
    """
    from fullturn.cli.walk import walk

    walk(folder, as_json=as_json, keep_serving=keep_serving)


@click.command()
@click.option("--csv", type=click.Path(path_type=Path), help="A CSV file with the rows.")
@click.option("--test", type=click.Path(path_type=Path), help="A separate test file.")
@click.option("--text", metavar="COLUMN", help="The text column to classify.")
@click.option("--label", metavar="COLUMN", help="The label column to predict.")
@click.option("--example", metavar="NAME", help="Start from an example: assistant or wine.")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool, **options: Any) -> int:
    """Create a project in FOLDER, for the built-in text classifier or from an example.

    A classifier needs --csv, --text and --label. The project includes workflows that run
    `fullturn ci` and `fullturn cd` on GitHub and GitLab. Existing files are never overwritten.
    """
    from fullturn.verbs.init import init

    return answer(init(folder, **options), as_json)


COMMANDS = (demo, init)
