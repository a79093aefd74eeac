"""Compare two runs: parameters, metrics, rows that flipped."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.core.records import VALIDATION
from fullturn.core.showing import Block, grid, line, styled, then, view
from fullturn.metrics.by_task import usual_metrics
from fullturn.metrics.metric import number, signed
from fullturn.tracking import comparison
from fullturn.tracking.comparison import Comparison
from fullturn.verbs.parts import references
from fullturn.verbs.workspace import Workspace, stored_evaluation


def compare(project: Workspace, a: str, b: str) -> Comparison:
    """Compare runs or versions `a` and `b`: parameters, metrics, rows that flipped.

    They are compared on the validation rows scored by both.

    Raises:
        NotFound: there is no such run, or it stored no evaluation.
        UsageError: both are the same run.
        SettingsError: `[gates] metrics` names an unknown metric.
    """
    first, second = (references.run(project, reference) for reference in (a, b))
    left, right = (stored_evaluation(project, run.id, VALIDATION) for run in (first, second))
    named = (*project.metrics, *usual_metrics(left.rows))
    first_metric = project.primary.name if project.primary else ""
    return comparison.compare(first, second, left, right, named, first_metric)


@view.register
def _(result: Comparison) -> Iterator[Block]:
    yield line("A = ", styled(result.first, "bold"))
    yield line("B = ", styled(result.second, "bold"))
    a, b = result.data
    if a != b:
        yield line(
            styled("trained on different data", "open"),
            f": A on dataset version {a or 'unknown'}, B on {b or 'unknown'}; compared on the "
            "validation rows scored by both",
        )
    if result.params:
        rows = [(name, x or "-", y or "-") for name, (x, y) in result.params.items()]
        yield grid(("parameter", "A", "B"), rows)
    yield _metrics(result)
    for name, why in result.unknown.items():
        yield line(styled(name, "open"), f" cannot be computed: {why}")
    gained = [flip for flip in result.flips if flip.gained]
    lost = [flip for flip in result.flips if not flip.gained]
    right = f"{len(gained)} flipped to correct in B, {len(lost)} to wrong"
    yield line(f"on {result.rows} rows: {right}")
    for sign, flips in ((styled("+", "good"), gained), (styled("-", "bad"), lost)):
        for flip in flips[:5]:
            yield line(" ", sign, f" {flip.input[:90]}")
    smallest, of = number(result.detectable, result.metrics[0].unit), result.metrics[0].metric
    yield line(
        f"smallest detectable difference of {of} on this set: {smallest} (80 % power, α 0.05)"
    )
    yield then("fullturn gate B")


def _metrics(found: Comparison) -> Block:
    return grid(
        ("metric", ">A", ">B", ">B minus A", ">95 % interval"),
        (
            (
                m.metric if m.direction == "higher" else f"{m.metric} (lower is better)",
                number(m.first, m.unit),
                number(m.second, m.unit),
                signed(m.difference.estimate, m.unit),
                f"{signed(m.difference.low, m.unit)} to {signed(m.difference.high, m.unit)}",
            )
            for m in found.metrics
        ),
    )
