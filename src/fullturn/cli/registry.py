"""`promote`, `rollback`, `history`, `lineage`, `reproduce`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next, table
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.core.entities import Feedback, HistoryEntry, Output
    from fullturn.registry.lineage import Lineage
    from fullturn.verbs.queries import Answered


@click.command()
@click.argument("version")
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@json_option
def promote(version: str, reason: str, as_json: bool) -> None:
    """Make VERSION the champion, if its gate passed and its files load."""
    from fullturn.verbs import promote

    _moved(promote.promote(opened(), version, reason), as_json)


@click.command()
@click.option("--to", type=int, metavar="VERSION", help="An earlier champion; the last if not set.")
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@json_option
def rollback(to: int | None, reason: str, as_json: bool) -> None:
    """Go back to an earlier champion, once it is loaded and probed."""
    from fullturn.verbs import promote

    _moved(promote.rollback(opened(), to, reason), as_json)


def _moved(entry: HistoryEntry, as_json: bool) -> None:
    if as_json:
        say_json(entry)
        return
    before = f"version {entry.previous}" if entry.previous else "none"
    say(f"champion: {before} → [bold]version {entry.version}[/bold] ({entry.action})")
    say_next("fullturn history", "fullturn rollback --reason '…'")


@click.command()
@json_option
def history(as_json: bool) -> None:
    """Every promotion and rollback, with actor, reason and gate report."""
    from fullturn.verbs import queries

    entries = queries.champion_history(opened())
    if as_json:
        say_json(entries)
        return
    rows = [
        (
            str(e.number), e.created[:19].replace("T", " "),
            e.action if e.effective else f"{e.action} (lost the race)",
            f"{e.previous or '-'} → {e.version}", escape(e.actor), escape(_cut(e.reason)),
            (e.gate or "-")[:8],
        )
        for e in entries
    ]  # fmt: skip
    table(("#", "when", "what", "version", "by", "reason", "gate"), rows)
    say_next("fullturn lineage VERSION", "fullturn rollback --reason '…'")


@click.command()
@click.argument("reference", metavar="VERSION|PREDICTION-ID")
@json_option
def lineage(reference: str, as_json: bool) -> None:
    """Where a version, or an answer, came from: run, commit, data, gate.

    The id of a prediction came with the answer; it leads to what was asked, what was answered,
    the passages cited and the feedback too.
    """
    from fullturn.verbs import queries, references

    project = opened()
    meant = references.resolve(project, reference, ("version", "run", "prediction"))
    if meant.kind == "prediction":
        answered = queries.prediction_lineage(project, meant.id)
        if as_json:
            say_json(answered)
            return
        _show_answered(answered)
        reference, found = str(answered.prediction.version), answered.lineage
    else:
        found = queries.lineage_of(project, reference)
    if as_json:
        say_json(found)
        return
    _show_lineage(found)
    say_next(f"fullturn reproduce {reference}")


def _show_answered(found: Answered) -> None:
    one = found.prediction
    when = datetime.fromtimestamp(one.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = {
        "prediction": one.id,
        "answered": f"{when} in {1000 * one.latency:.1f} ms, by version {one.version} ({one.arm})",
        "key": one.key if one.key != one.id else "none given",
        "input": json.dumps(one.input, ensure_ascii=False),
        "output": one.error or json.dumps(_short(one.output or {}), ensure_ascii=False),
        "cited": ", ".join(found.passages),
        "feedback": "; ".join(map(_feedback, found.feedback)),
    }
    if one.copy_of:
        lines["copy of"] = one.copy_of
    _lines(lines)


def _short(output: Output) -> Output:
    """The output without what it quotes: the passages cited are named apart."""
    return {name: value for name, value in output.items() if name not in ("passages", "retrieved")}


def _feedback(one: Feedback) -> str:
    known = [] if one.expected is None else [json.dumps(one.expected, ensure_ascii=False)]
    known += [] if one.score is None else [f"score {one.score:g}"]
    return " ".join((*known, f"from {one.source or 'somebody'}"))


def _show_lineage(found: Lineage) -> None:
    moves = "; ".join(f"#{e.number} {e.action}: {e.reason}" for e in found.promotions)
    lines = asdict(found) | {
        "aliases": ", ".join(found.aliases),
        "prompts": ", ".join(found.prompts),
        "promotions": moves,
    }
    _lines(lines)


def _lines(lines: Mapping[str, object]) -> None:
    for key, value in lines.items():
        say(f"[dim]{key.replace('_', ' '):>13}[/dim]  {escape(value or '-')}")


def _cut(reason: str, most: int = 90) -> str:
    return reason if len(reason) <= most else f"{reason[: most - 1]}…"


@click.command()
@click.argument("version")
@json_option
def reproduce(version: str, as_json: bool) -> int:
    """Train VERSION again from its record and say what diverged."""
    from fullturn.verbs import promote

    found = promote.reproduce(opened(), version)
    if as_json:
        say_json(found)
        return 0 if found.same else 1
    if found.same:
        say(f"[green]same[/green]: {found.rows} rows scored as recorded")
    else:
        say(f"[red]diverged[/red]: {found.differing_rows} of {found.rows} rows score otherwise")
    rows = [(d.ingredient, escape(d.recorded), escape(d.found)) for d in found.divergences]
    if rows:
        table(("differs", "recorded", "now"), rows)
    elif not found.same:
        say("code, environment, data and seed are as recorded: the training is not deterministic")
    figures = [
        (name, f"{a:.4f}", f"{b:.4f}", f"{b - a:+.4f}") for name, (a, b) in found.metrics.items()
    ]
    table(("metric", ">recorded", ">now", ">difference"), figures)
    return 0 if found.same else 1


COMMANDS = (promote, rollback, history, lineage, reproduce)
