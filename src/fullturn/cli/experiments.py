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
@click.option("--search", type=int, metavar="N", help="Compare N parameter sets.")
@click.option("--name", help="Name of the run.")
@click.option("--data", type=int, metavar="V", help="Dataset version; default: the newest.")
@click.option("--seed", type=int, help="Random seed; default: from fullturn.toml.")
@click.option(
    "--cached",
    is_flag=True,
    help="Train the candidate of this checkout, unless it was trained before.",
)
@json_option
def train(params: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train one parameter set, or search over many.

    In a search, each candidate is compared with the best one so far, row by row on the validation
    split, and stops early if it is shown to be worse. With --cached, train the candidate of this
    checkout: the parameters of fullturn.toml, else those that a search found for the champion, on
    the newest dataset version. An existing run with the same code, data, environment and parameters
    is reused.
    """
    project, chosen = opened(), parameters(params, "-p")
    with progress() as seen:
        trials = project.train(chosen, progress=seen, **options)
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
    return answer(opened().runs(kind, limit), as_json)


@click.command()
@click.argument("a")
@click.argument("b")
@json_option
def compare(a: str, b: str, as_json: bool) -> int:
    """Compare runs A and B: parameters, metrics, rows that flipped."""
    return answer(opened().compare(a, b), as_json)


COMMANDS = (train, runs, compare)
