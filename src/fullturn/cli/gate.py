"""`gate`, `verify`."""

from __future__ import annotations

import click

from fullturn.cli.output import progress
from fullturn.cli.verb import answer, json_option, opened, parameters


@click.command()
@click.argument("reference", metavar="VERSION")
@click.option("--waive", multiple=True, metavar="CODE=REASON", help="Waive a check.")
@click.option("--cached", is_flag=True, help="Take the report on record, if it still stands.")
@click.option(
    "--register/--no-register", default=True, help="Whether to register what passes; it does."
)
@json_option
def gate(
    reference: str, waive: tuple[str, ...], cached: bool, register: bool, as_json: bool
) -> int:
    """Decide whether VERSION may become champion; register what passes.

    VERSION is a run (id, first characters of it, name, `best`, or `candidate` for what this
    checkout trained) or a model version. Candidate, champion and a trivial baseline answer the
    same test rows. Missing evidence blocks. Exit code 0 passed, 1 failed, 3 inconclusive.

    With --cached, a report on record is taken if candidate, champion, data, code, environment
    and limits are the same; else all three are scored again.
    """
    from fullturn.verbs.gate import renamed_floors

    project = opened()
    for sentence in renamed_floors(project):
        click.echo(f"note: {sentence}", err=True)
    reasons = {code: str(reason) for code, reason in parameters(waive, "--waive").items()}
    with progress() as seen:
        gated = project.gate(
            reference, waive=reasons, cached=cached, register=register, progress=seen
        )
    return answer(gated, as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def verify(reference: str, as_json: bool) -> int:
    """Check the evidence of VERSION: signature, bundle, gate report.

    Every file of the bundle and of the evidence has the sha256 that was signed, the gate report
    passed and is about this version, and the record in MLflow still says what it said then. Exit
    code 0 all of it holds, 1 something does not, 4 something could not be checked.
    """
    return answer(opened().verify(reference), as_json)


COMMANDS = (gate, verify)
