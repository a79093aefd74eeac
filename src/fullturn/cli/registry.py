"""`promote`, `rollback`, `history`, `lineage`, `verify`, `reproduce`."""

from __future__ import annotations

import click

from fullturn.cli.verb import answer, json_option, opened


@click.command()
@click.argument("reference", metavar="VERSION")
@click.option("--reason", required=True, help="Reason, recorded in the history.")
@json_option
def promote(reference: str, reason: str, as_json: bool) -> int:
    """Make VERSION the champion if its gate passed and its files load."""
    return answer(opened().promote(reference, reason), as_json)


@click.command()
@click.option(
    "--to", type=int, metavar="VERSION", help="An earlier champion; default: the previous one."
)
@click.option("--reason", required=True, help="Reason, recorded in the history.")
@json_option
def rollback(to: int | None, reason: str, as_json: bool) -> int:
    """Roll back to an earlier champion, after loading and testing it."""
    return answer(opened().rollback(to, reason=reason), as_json)


@click.command()
@json_option
def history(as_json: bool) -> int:
    """List promotions and rollbacks with actor, reason and gate report."""
    return answer(opened().history(), as_json)


@click.command()
@click.argument("reference", metavar="VERSION|PREDICTION-ID")
@json_option
def lineage(reference: str, as_json: bool) -> int:
    """Trace a version or an answer to its run, commit, data and gate.

    A prediction id, returned with each answer, also shows the request, the answer, its citations
    and its feedback.
    """
    return answer(opened().lineage(reference), as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def reproduce(reference: str, as_json: bool) -> int:
    """Retrain VERSION from its recorded inputs and show what diverged."""
    return answer(opened().reproduce(reference), as_json)


COMMANDS = (promote, rollback, history, lineage, reproduce)
