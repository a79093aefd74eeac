"""Data and experiments: `data`, `train`, `runs`, `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import progress
from fullturn.cli.verb import answer, json_option, open_project, parameters

if TYPE_CHECKING:
    from fullturn.verbs.runs import Kind


@click.group()
def data() -> None:
    """Manage dataset versions: commit, log, diff, show."""


@data.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("-m", "--message", default="", help="Describe what changed.")
@click.option(
    "--confirm-fewer-rows", is_flag=True, help="Accept a version with far fewer rows than the last."
)
@json_option
def commit(files: tuple[Path, ...], message: str, confirm_fewer_rows: bool, as_json: bool) -> int:
    """Commit FILES as the next dataset version.

    FILES are .csv, .tsv, .jsonl, .parquet or handbook .md files, or folders of such files. They are
    the complete content of the version. Without FILES, commits the files listed in fullturn.toml.
    """
    return answer(open_project().data.commit(files, message, confirm_fewer_rows), as_json)


@data.command()
@json_option
def log(as_json: bool) -> int:
    """List the dataset versions, oldest first."""
    return answer(open_project().data.log(), as_json)


@data.command()
@click.argument("a", type=int)
@click.argument("b", type=int)
@json_option
def diff(a: int, b: int, as_json: bool) -> int:
    """Show what changed between versions A and B."""
    return answer(open_project().data.diff(a, b), as_json)


@data.command()
@click.argument("version", type=int)
@json_option
def show(version: int, as_json: bool) -> int:
    """Show the rows, splits and labels of a version."""
    return answer(open_project().data.show(version), as_json)


@click.command()
@click.option("-p", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("--search", type=int, metavar="N", help="Compare N parameter sets.")
@click.option("--name", help="Name of the run.")
@click.option("--data", type=int, metavar="V", help="Dataset version; default: the newest.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Random seed; default: from fullturn.toml."
)
@click.option(
    "--cached",
    is_flag=True,
    help="Train the candidate of this checkout, unless it was trained before.",
)
@json_option
def train(params: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train one parameter set, or search over many.

    A search varies the parameters that -p does not set. Each candidate is compared with the best
    one so far, row by row on the validation split, and stops early if it is shown to be worse. With
    --cached, train the candidate of this checkout: the parameters of fullturn.toml, else those that
    a search found for the champion, on the newest dataset version. An existing run with the same
    code, data, environment and parameters is reused.
    """
    project, chosen = open_project(), parameters(params, "-p")
    with progress() as on_progress:
        trials = project.train(chosen, progress=on_progress, **options)
    return answer(trials, as_json)


@click.command()
@click.option(
    "--kind",
    type=click.Choice(["train", "gate", "all"]),
    default="train",
    show_default=True,
    help="Kind of runs.",
)
@click.option(
    "-n",
    "limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Maximum number of runs.",
)
@json_option
def runs(kind: Kind, limit: int, as_json: bool) -> int:
    """List runs, newest first; marks runs of dead processes KILLED."""
    return answer(open_project().runs(kind, limit), as_json)


@click.command()
@click.argument("a")
@click.argument("b")
@click.argument("more", nargs=-1)
@json_option
def compare(a: str, b: str, more: tuple[str, ...], as_json: bool) -> int:
    """Compare runs A and B: parameters, metrics, rows that changed.

    With MORE runs, all of them side by side, row by row where they differ.
    """
    return answer(open_project().compare(a, b, *more), as_json)


COMMANDS = (data, train, runs, compare)
