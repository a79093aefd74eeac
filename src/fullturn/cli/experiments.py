"""`train`, `runs`, `compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import progress
from fullturn.cli.verb import answer, json_option, opened, parameters

if TYPE_CHECKING:
    from fullturn.verbs.runs import Kind


@click.command()
@click.option("-p", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("--search", type=int, metavar="N", help="Race N sets of parameters.")
@click.option("--name", help="Name of the run.")
@click.option("--data", type=int, metavar="V", help="Dataset version; newest if not set.")
@click.option("--seed", type=int, help="Seed; that of fullturn.toml if not set.")
@click.option(
    "--cached", is_flag=True, help="Train what this checkout asks for, if it never was trained."
)
@json_option
def train(params: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train one set of parameters, or search many.

    In a search each candidate races the best before it, row by row on the validation split,
    and stops when it is shown to be worse. With --cached, it is the candidate of this checkout:
    fullturn.toml's parameters over what a search found for the champion, on the newest dataset
    version; where the same code, data, environment and parameters were trained, that run is it.
    """
    project, chosen = opened(), parameters(params, "-p")
    with progress() as watch:
        return answer(project.train(chosen, progress=watch, **options), as_json)


@click.command()
@click.option(
    "--kind",
    type=click.Choice(["train", "gate", "all"]),
    default="train",
    show_default=True,
    help="Of which kind.",
)
@click.option(
    "-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many."
)
@json_option
def runs(kind: Kind, limit: int, as_json: bool) -> int:
    """List runs, newest first; closes those whose process is gone."""
    return answer(opened().runs(kind, limit), as_json)


@click.command()
@click.argument("a")
@click.argument("b")
@json_option
def compare(a: str, b: str, as_json: bool) -> int:
    """Compare runs A and B: parameters, metrics, rows that flipped."""
    return answer(opened().compare(a, b), as_json)


COMMANDS = (train, runs, compare)
