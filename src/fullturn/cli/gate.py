"""`gate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, mark, progress, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened, parameters

if TYPE_CHECKING:
    from fullturn.core.entities import GateReport

CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 3}


@click.command()
@click.argument("version")
@click.option("--waive", "waivers", multiple=True, metavar="CODE=REASON", help="Waive a check.")
@click.option("--cached", is_flag=True, help="Take the report on record, if it still stands.")
@click.option("--no-register", "only", is_flag=True, help="Decide, and register nothing.")
@json_option
def gate(version: str, waivers: tuple[str, ...], cached: bool, only: bool, as_json: bool) -> int:
    """Decide whether VERSION may become champion; register what passes.

    VERSION is a run (id, first characters of it, name, `best`, or `candidate` for what this
    checkout trained) or a model version. Candidate, champion and a trivial baseline answer the
    same test rows. Missing evidence blocks. Exit code 0 passed, 1 failed, 3 inconclusive.

    With --cached, a report on record is taken if candidate, champion, data, code, environment
    and limits are the same; else all three are scored again.
    """
    from fullturn.verbs import gate, references

    project = opened()
    for sentence in gate.renamed_floors(project):
        click.echo(f"note: {sentence}", err=True)
    reasons = {code: str(reason) for code, reason in parameters(waivers, "--waive").items()}
    run = references.run(project, version)
    stands = gate.standing(project, run, register=not only) if cached and not reasons else None
    if stands:
        gated = stands
    else:
        with progress() as watch:
            gated = gate.gate(project, run.id, waivers=reasons, register=not only, progress=watch)
    if as_json:
        say_json(gated)
        return CODES[gated.report.outcome]
    show_report(gated.report)
    note = ": nothing that it depends on has changed" if stands else ""
    say(f"report: run {gated.run[:8]}, artifact gate/report.html{note}")
    if gated.version:
        word = "it is" if only else "registered as"
        say(f"{word} [bold]version {gated.version.version}[/bold]")
        say_next(f"fullturn promote {gated.version.version} --reason '…'")
    elif gated.report.outcome == "PASSED":
        say_next(f"fullturn gate {version} --cached   (registers it)", "fullturn cd")
    else:
        say_next("fullturn runs", "fullturn compare A B", "fullturn gate … --waive CODE='reason'")
    return CODES[gated.report.outcome]


def show_report(report: GateReport) -> None:
    """Outcome and a line for each check."""
    rows = [
        (
            r.code,
            mark(r.outcome) + (" (waived)" if r.waived else ""),
            escape(r.reason + (f" [waived: {r.waived}]" if r.waived else "")),
        )
        for r in report.results
    ]
    say(
        f"gate: [bold]{mark(report.outcome)}[/bold]   data: {escape(report.dataset)}; "
        f"champion: {report.champion or 'none yet'}"
    )
    table(("check", "outcome", "why"), rows)


COMMANDS = (gate,)
