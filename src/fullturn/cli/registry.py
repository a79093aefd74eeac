"""`promote`, `rollback`, `history`, `lineage`, `verify`, `reproduce`."""

from __future__ import annotations

import click

from fullturn.cli.verb import answer, json_option, opened


@click.command()
@click.argument("reference", metavar="VERSION")
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@json_option
def promote(reference: str, reason: str, as_json: bool) -> int:
    """Make VERSION the champion, if its gate passed and its files load."""
    return answer(opened().promote(reference, reason), as_json)


@click.command()
@click.option("--to", type=int, metavar="VERSION", help="An earlier champion; the last if not set.")
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@json_option
def rollback(to: int | None, reason: str, as_json: bool) -> int:
    """Go back to an earlier champion, once it is loaded and probed."""
    return answer(opened().rollback(to, reason=reason), as_json)


@click.command()
@json_option
def history(as_json: bool) -> int:
    """Every promotion and rollback, with actor, reason and gate report."""
    return answer(opened().history(), as_json)


@click.command()
@click.argument("reference", metavar="VERSION|PREDICTION-ID")
@json_option
def lineage(reference: str, as_json: bool) -> int:
    """Where a version, or an answer, came from: run, commit, data, gate.

    The id of a prediction came with the answer; it leads to what was asked, what was answered,
    the passages cited and the feedback too.
    """
    return answer(opened().lineage(reference), as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def reproduce(reference: str, as_json: bool) -> int:
    """Train VERSION again from its record and say what diverged."""
    return answer(opened().reproduce(reference), as_json)


COMMANDS = (promote, rollback, history, lineage, reproduce)
