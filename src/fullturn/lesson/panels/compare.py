"""Compare two runs: parameters, paired differences, questions that flipped."""

from __future__ import annotations

from fullturn.core.entities import RunRecord
from fullturn.core.errors import NotFound
from fullturn.lesson.panels.events import (
    Emit,
    Options,
    axis,
    interval,
    line,
    outcome,
    shorter,
    table,
)
from fullturn.lesson.panels.stage import Stage
from fullturn.metrics.metric import SHARE, number, signed, suffix
from fullturn.tracking.comparison import Comparison
from fullturn.verbs.compare import compare
from fullturn.verbs.parts.candidate import goodness, usable_runs
from fullturn.verbs.workspace import Workspace, latest

FLIPS, LONG = 4, 46
"""Number of questions shown, and their maximum length."""
OFFERED = 12
PLOT = "differences"


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Compare runs `a` and `b` of the options; by default the two best that differ."""
    project = stage.project
    a, b = options.get("a", ""), options.get("b", "")
    if not (a and b):
        found = offered(project)
        first, second = found[0], next(one for one in found[1:] if one.params != found[0].params)
        a, b = a or second.id, b or first.id
    compared = compare(project, a, b)
    rows = [(name, x or "-", y or "-") for name, (x, y) in compared.params.items()]
    names = ("run", compared.first, compared.second)
    emit(table("parameters", ("", "A", "B"), [names, *rows]))
    _metrics(emit, compared)
    _flips(emit, compared)
    emit(outcome(*_verdict(compared)))


def offered(project: Workspace) -> list[RunRecord]:
    """Runs that can be compared, best first.

    Raises:
        NotFound: there are fewer than two with different parameters.
    """
    known = usable_runs(project, latest(project) or 0)
    ordered = sorted(known, key=lambda run: (-goodness(project, run), run.started))
    if not any(run.params != ordered[0].params for run in ordered[1:]):
        raise NotFound(
            "there are no two runs with different parameters yet; run the search panel first"
        )
    return ordered


def choices(project: Workspace) -> list[dict[str, str]]:
    """Options to choose from: run ids with name and score."""
    return [
        {"value": run.id, "label": f"{run.name} ({abs(goodness(project, run)):.4g}, {run.id[:6]})"}
        for run in offered(project)[:OFFERED]
    ]


def _metrics(emit: Emit, compared: Comparison) -> None:
    emit(axis(PLOT, "B minus A: paired difference, 95 % interval", "metric"))
    emit(line(PLOT, 0.0, "no difference"))
    rows = []
    for place, one in enumerate(compared.metrics, 1):
        d, unit = one.difference, one.unit
        name = f"{one.metric}{suffix(unit)}"
        rows.append((name, number(one.first, unit), number(one.second, unit),
                     signed(d.estimate, unit),
                     f"{signed(d.low, unit)} to {signed(d.high, unit)}"))  # fmt: skip
        if unit == SHARE:
            emit(interval(PLOT, one.metric, place, d))
    emit(table("metrics", ("metric", ">A", ">B", ">B minus A", ">95 % interval"), rows))


def _flips(emit: Emit, compared: Comparison) -> None:
    gained = [flip for flip in compared.flips if flip.gained]
    lost = [flip for flip in compared.flips if not flip.gained]
    shown = [*gained[: FLIPS // 2], *lost[: FLIPS // 2]]
    rows = [("+" if flip.gained else "−", shorter(flip.input, LONG)) for flip in shown]
    title = f"{compared.rows} rows: {len(gained)} better in B, {len(lost)} worse"
    emit(table("flips", ("", ""), rows, title))


def _verdict(compared: Comparison) -> tuple[str, str]:
    primary = compared.metrics[0]
    sign = 1 if primary.direction == "higher" else -1
    low, high = sorted((sign * primary.difference.low, sign * primary.difference.high))
    detectable = f"{number(compared.detectable, primary.unit)}{suffix(primary.unit)}"
    smallest = f"the smallest detectable difference is {detectable}"
    if low > 0:
        return "B IS BETTER", f"the interval of {primary.metric} is {_side(sign)} 0; {smallest}"
    if high < 0:
        return "A IS BETTER", f"the interval of {primary.metric} is {_side(-sign)} 0; {smallest}"
    return "INCONCLUSIVE", f"the interval of {primary.metric} includes 0; {smallest}"


def _side(sign: int) -> str:
    return "above" if sign > 0 else "below"
