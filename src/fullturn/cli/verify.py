"""`verify`."""

from __future__ import annotations

import click

from fullturn.cli.output import escape, mark, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened

CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 4}


@click.command()
@click.argument("version")
@json_option
def verify(version: str, as_json: bool) -> int:
    """Check the evidence of VERSION: signature, bundle, gate report.

    Every file of the bundle and of the evidence has the sha256 that was signed, the gate report
    passed and is about this version, and the record in MLflow still says what it said then. Exit
    code 0 all of it holds, 1 something does not, 4 something could not be checked.
    """
    from fullturn.verbs import verify

    found = verify.verify(opened(), version)
    if as_json:
        say_json({"version": found.version, "outcome": found.outcome, "findings": found.findings})
        return CODES[found.outcome]
    rows = [(mark(f.outcome), f.name, escape(f.reason)) for f in found.findings]
    table(("", "checked", "found"), rows)
    say(_verdict(found.version, found.outcome))
    say_next(f"fullturn lineage {found.version}", f"fullturn reproduce {found.version}")
    return CODES[found.outcome]


def _verdict(version: int, outcome: str) -> str:
    if outcome == "PASSED":
        return f"[green]The evidence of version {version} holds.[/green]"
    if outcome == "FAILED":
        return f"[red]The evidence of version {version} does not hold: do not use it.[/red]"
    return f"[yellow]Not all of the evidence of version {version} could be checked.[/yellow]"


COMMANDS = (verify,)
