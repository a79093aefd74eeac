"""`train`, `runs`, `compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import escape, progress, say, say_json, say_next, table
from fullturn.cli.verb import answer, json_option, opened, parameters
from fullturn.core.tags import OriginTags, TrainingTags

if TYPE_CHECKING:
    from fullturn.core.entities import RunRecord
    from fullturn.tracking.comparison import Comparison


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
def runs(kind: str, limit: int, as_json: bool) -> None:
    """List runs, newest first; closes those whose process is gone."""
    from fullturn.verbs import queries

    found = queries.runs(opened(), None if kind == "all" else kind, limit)
    if as_json:
        say_json(found)
        return
    if not found:
        say("no runs yet" if kind in ("train", "all") else f"no {kind} runs yet")
        say_next("fullturn turn")
        return
    table(
        ("run", "name", "status", ">seconds", ">data", "metric", "race or gate"),
        [tuple(map(escape, _run_row(run))) for run in found],
    )
    say_next("fullturn compare A B", "fullturn gate RUN")


def _run_row(run: RunRecord) -> tuple[str, ...]:
    tags = TrainingTags.read(run.tags)
    primary = tags.primary or ""
    score = run.metrics.get(f"validation.{primary}")
    return (
        run.id[:8],
        run.name,
        run.status,
        "-" if run.duration is None else f"{run.duration:.1f}",
        "-" if tags.data is None else str(tags.data),
        f"{primary} {score:.3f}" if score is not None else "-",
        OriginTags.read(run.tags).error or tags.outcome or _race(tags),
    )


def _race(tags: TrainingTags) -> str:
    if tags.race_of_groups is None:
        return ""
    if tags.race_stopped:
        return f"stopped after {tags.race_groups} of {tags.race_of_groups} groups"
    return f"all {tags.race_of_groups} groups"


@click.command()
@click.argument("a")
@click.argument("b")
@json_option
def compare(a: str, b: str, as_json: bool) -> None:
    """Compare runs A and B: parameters, metrics, rows that flipped."""
    from fullturn.verbs import queries

    found = queries.compare_runs(opened(), a, b)
    if as_json:
        say_json(found)
        return
    show_comparison(found)


def show_comparison(found: Comparison) -> None:
    say(f"A = [bold]{escape(found.first)}[/bold]\nB = [bold]{escape(found.second)}[/bold]")
    a, b = found.data
    if a != b:
        say(
            f"[yellow]trained on different data[/yellow]: A on dataset version {a or 'unknown'}, "
            f"B on {b or 'unknown'}; compared on the validation rows that both have scored"
        )
    if found.params:
        rows = [(n, escape(x or "-"), escape(y or "-")) for n, (x, y) in found.params.items()]
        table(("parameter", "A", "B"), rows)
    metrics = [
        (
            m.metric, f"{m.first:.3f}", f"{m.second:.3f}", f"{m.difference.estimate:+.3f}",
            f"{m.difference.low:+.3f} to {m.difference.high:+.3f}",
        )
        for m in found.metrics
    ]  # fmt: skip
    say()
    table(("metric", ">A", ">B", ">B minus A", ">95 % interval"), metrics)
    gained = [flip for flip in found.flips if flip.gained]
    lost = [flip for flip in found.flips if not flip.gained]
    say(f"\non {found.rows} rows: {len(gained)} flipped to right in B, {len(lost)} to wrong")
    for sign, flips in (("[green]+[/green]", gained), ("[red]-[/red]", lost)):
        for flip in flips[:5]:
            say(f" {sign} {escape(flip.input[:90])}")
    say(f"smallest difference this set can detect: {found.detectable:.3f} (80 % power, α 0.05)")
    say_next("fullturn gate B")


COMMANDS = (train, runs, compare)
