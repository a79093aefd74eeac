"""Gate and registry: `gate`, `promote`, `rollback`, `history`, `lineage`, `verify`, `reproduce`."""

from __future__ import annotations

import click

from fullturn.cli.output import progress, say_note
from fullturn.cli.verb import answer, json_option, open_project, parameters


@click.command()
@click.argument("reference", metavar="VERSION")
@click.option("--waive", multiple=True, metavar="CODE=REASON", help="Waive a check.")
@click.option("--cached", is_flag=True, help="Reuse the stored report if its inputs are unchanged.")
@click.option(
    "--register/--no-register", default=True, help="Whether to register what passes; it does."
)
@json_option
def gate(
    reference: str, waive: tuple[str, ...], cached: bool, register: bool, as_json: bool
) -> int:
    """Decide whether VERSION may become champion; register it if it passes.

    VERSION is a run (id, id prefix, name, `best`, or `candidate` for the model trained from this
    checkout) or a model version. Candidate, champion and a trivial baseline are scored on the same
    test rows. Missing evidence blocks. Exit codes: 0 passed, 1 failed, 3 inconclusive.

    With --cached, reuse the stored report if candidate, champion, data, code, environment and
    limits are unchanged; otherwise score all three again.
    """
    from fullturn.verbs.gate import renamed_floors

    project = open_project()
    for sentence in renamed_floors(project):
        say_note(sentence)
    reasons = {code: str(reason) for code, reason in parameters(waive, "--waive").items()}
    with progress() as on_progress:
        gated = project.gate(
            reference, waive=reasons, cached=cached, register=register, progress=on_progress
        )
    return answer(gated, as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def verify(reference: str, as_json: bool) -> int:
    """Verify the evidence of VERSION: signature, bundle, gate report.

    Checks that every file of the bundle and of the evidence has the signed sha256, that the gate
    report passed and belongs to this version, and that the records in MLflow are unchanged. Exit
    codes: 0 valid, 1 invalid, 4 something could not be checked.
    """
    return answer(open_project().verify(reference), as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@click.option("--reason", default="", help="Reason, recorded in the history.")
@click.option(
    "--override",
    default="",
    metavar="REASON",
    help="Promote in spite of the gate or a rollback; the history records it as an override.",
)
@json_option
def promote(reference: str, reason: str, override: str, as_json: bool) -> int:
    """Make VERSION the champion if its gate passed and its files load.

    The gate must have compared it with today's champion on the newest dataset version, and no
    release may have rolled it back.
    """
    return answer(open_project().promote(reference, reason, override=override), as_json)


@click.command()
@click.option(
    "--to", type=int, metavar="VERSION", help="An earlier champion; default: the previous one."
)
@click.option("--reason", required=True, help="Reason, recorded in the history.")
@json_option
def rollback(to: int | None, reason: str, as_json: bool) -> int:
    """Roll back to an earlier champion, after loading and testing it."""
    return answer(open_project().rollback(to, reason=reason), as_json)


@click.command()
@json_option
def history(as_json: bool) -> int:
    """List promotions and rollbacks with actor, reason and gate report."""
    return answer(open_project().history(), as_json)


@click.command()
@click.argument("reference", metavar="VERSION|PREDICTION-ID|FILE")
@json_option
def lineage(reference: str, as_json: bool) -> int:
    """Trace a version, an answer or a predicted file to its run, commit, data and gate.

    A prediction id, returned with each answer or chosen by the system that logged it, also shows
    the request, the answer, its citations and its feedback; write id:ID if it also means something
    else, such as the number of a version. FILE is one that `fullturn predict` read or wrote, found
    by its content.
    """
    return answer(open_project().lineage(reference), as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def reproduce(reference: str, as_json: bool) -> int:
    """Retrain VERSION from its recorded inputs and show what diverged."""
    return answer(open_project().reproduce(reference), as_json)


COMMANDS = (gate, promote, rollback, history, lineage, verify, reproduce)
