"""Compare two runs: parameters, metrics, rows that changed."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.core.records import VALIDATION
from fullturn.core.showing import Block, grid, line, styled, then, view
from fullturn.core.wording import MEANINGS
from fullturn.metrics.by_task import USUAL, usual_metrics
from fullturn.metrics.metric import about, number, signed, suffix
from fullturn.tracking import comparison
from fullturn.tracking.comparison import ERROR, Comparison, Flip
from fullturn.verbs.parts import references
from fullturn.verbs.workspace import Workspace, stored_evaluation

_WORDS = {
    "accuracy": ("flipped to correct in B", "to wrong"),
    ERROR: ("with a smaller error in B", "with a larger one; the largest changes:"),
}


def compare(project: Workspace, a: str, b: str) -> Comparison:
    """Compare runs or versions `a` and `b`: parameters, metrics, rows that changed.

    They are compared on the validation rows scored by both.

    Raises:
        NotFound: there is no such run, or it stored no evaluation.
        UsageError: both are the same run.
        SettingsError: `[gates] metrics` names an unknown metric.
    """
    first, second = (references.run(project, reference) for reference in (a, b))
    left, right = (stored_evaluation(project, run.id, VALIDATION) for run in (first, second))
    unit = project.settings.data.unit
    named = (*project.metrics, *usual_metrics(left.rows, unit))
    first_metric = project.primary.name if project.primary else ""
    return comparison.compare(first, second, left, right, named, first_metric, unit)


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
    for name in (one.metric for one in result.metrics if one.metric in MEANINGS):
        yield line(styled(f"{name}: {MEANINGS[name]}", "dim"))
    yield from _flips(result)
    first = result.metrics[0]
    smallest = f"{number(result.detectable, first.unit)}{suffix(first.unit)}"
    yield line(
        f"smallest detectable difference of {first.metric} on this set: {smallest} (80 % power, "
        "α 0.05)"
    )
    yield then("fullturn gate B")


def _flips(result: Comparison) -> Iterator[Block]:
    gained = [flip for flip in result.flips if flip.gained]
    lost = [flip for flip in result.flips if not flip.gained]
    better, worse = _WORDS.get(result.flips_of, (f"a higher {result.flips_of} in B", "a lower one"))
    yield line(f"on {result.rows} rows: {len(gained)} {better}, {len(lost)} {worse}")
    for sign, flips in ((styled("+", "good"), gained), (styled("-", "bad"), lost)):
        for flip in flips[:5]:
            yield line(" ", sign, f" {_error(flip, result.flips_unit)}{flip.input[:90]}")


def _error(flip: Flip, unit: str) -> str:
    if flip.first is None or flip.second is None:
        return ""
    return f"error {number(flip.first, unit)} → {number(flip.second, unit)}{suffix(unit)}: "


def _metrics(found: Comparison) -> Block:
    """The metrics that people know first."""
    usual = {name: place for place, name in enumerate(USUAL)}
    return grid(
        ("metric", ">A", ">B", ">B minus A", ">95 % interval"),
        (
            (
                f"{m.metric} ({about(m.unit, m.direction)})",
                number(m.first, m.unit),
                number(m.second, m.unit),
                signed(m.difference.estimate, m.unit),
                f"{signed(m.difference.low, m.unit)} to {signed(m.difference.high, m.unit)}",
            )
            for m in sorted(found.metrics, key=lambda one: usual.get(one.metric, len(usual)))
        ),
    )
