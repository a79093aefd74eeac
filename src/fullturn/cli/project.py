"""`demo`, `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.verb import json_option

if TYPE_CHECKING:
    from fullturn.verbs.project_template import Started


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
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Rows.")
@click.option("--test", type=click.Path(path_type=Path), help="Test rows, if they are apart.")
@click.option("--text", metavar="COLUMN", help="The column to classify.")
@click.option("--label", metavar="COLUMN", help="The column to predict.")
@click.option("--example", metavar="NAME", help="Start from an example: assistant or wine.")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, example: str | None, as_json: bool, **columns: Any) -> None:
    """Write a project into FOLDER, for the built-in text classifier or from an example.

    A classifier needs --csv, --text and --label. The project comes with workflows that run
    `fullturn ci` and `fullturn cd` on GitHub and GitLab; files of yours are never replaced.
    """
    from fullturn.verbs import init

    given = [name for name, value in columns.items() if value is not None]
    if example is not None:
        if given:
            raise click.UsageError(f"--example brings its own data; leave out {_options(given)}")
        started = init.example(example, folder)
    else:
        if missing := [name for name in ("table", "text", "label") if name not in given]:
            raise click.UsageError(f"{_options(missing)} missing; or start with --example")
        started = init.init(folder, **columns)
    if as_json:
        say_json(
            {"folder": str(started.folder), "kept": list(started.kept), "asks": list(started.asks)}
        )
        return
    _say_started(started)


def _options(names: list[str]) -> str:
    return ", ".join("--csv" if name == "table" else f"--{name}" for name in names)


def _say_started(started: Started) -> None:
    inside = escape(started.folder)
    say(f"project in [bold]{inside}[/bold]: fullturn.toml, the data, CI workflows")
    if started.kept:
        say(f"left as they were: {escape(', '.join(started.kept))}")
    for sentence in started.asks:
        say(f"[yellow]{escape(sentence)}[/yellow]")
    say_next(f"cd {inside} && fullturn turn")


COMMANDS = (demo, init)
