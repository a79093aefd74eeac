"""`fullturn data`: versions of a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from fullturn.cli.verb import answer, json_option, opened


@click.group()
def data() -> None:
    """Manage dataset versions: commit, log, diff, show."""


@data.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("-m", "--message", default="", help="Describe what changed.")
@json_option
def commit(files: tuple[Path, ...], message: str, as_json: bool) -> int:
    """Commit FILES as the next dataset version.

    FILES are .csv, .jsonl, .parquet or handbook .md files, or folders of such files. They are the
    complete content of the version. Without FILES, commits the files listed in fullturn.toml.
    """
    return answer(opened().data.commit(files, message), as_json)


@data.command()
@json_option
def log(as_json: bool) -> int:
    """List the dataset versions, oldest first."""
    return answer(opened().data.log(), as_json)


@data.command()
@click.argument("a", type=int)
@click.argument("b", type=int)
@json_option
def diff(a: int, b: int, as_json: bool) -> int:
    """Show what changed between versions A and B."""
    return answer(opened().data.diff(a, b), as_json)


@data.command()
@click.argument("version", type=int)
@json_option
def show(version: int, as_json: bool) -> int:
    """Show the rows, splits and labels of a version."""
    return answer(opened().data.show(version), as_json)


COMMANDS = (data,)
