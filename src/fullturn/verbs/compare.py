"""Compare two runs: parameters, metrics, rows that changed."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fullturn.core.entities import Evaluation
from fullturn.core.errors import UsageError
from fullturn.core.records import VALIDATION
from fullturn.core.showing import Block, Part, grid, line, styled, then, view
from fullturn.core.wording import MEANINGS, cut
from fullturn.metrics.by_task import USUAL, usual_metrics
from fullturn.metrics.metric import about, number, signed, suffix
from fullturn.tracking import comparison
from fullturn.tracking.comparison import ERROR, Comparison, Flip
from fullturn.verbs.parts import readable, references
from fullturn.verbs.parts.matrix import CELL, matrix_of
from fullturn.verbs.workspace import Workspace, stored_evaluation

SHOWN = 5
_WORDS = {
    "accuracy": ("flipped to correct in B", "to wrong"),
    ERROR: ("with a smaller error in B", "with a larger one; the largest changes:"),
}


def compare(project: Workspace, a: str, b: str, *more: str) -> Comparison:
    """Compare runs or versions `a` and `b`: parameters, metrics, rows that changed.

    They are compared on the validation rows scored by both. With `more`, a matrix shows all of them
    side by side, row by row where they differ.

    Raises:
        NotFound: there is no such run, or it stored no evaluation.
        UsageError: two are the same run.
        SettingsError: `[gates] metrics` names an unknown metric.
    """
    runs = [references.run(project, reference) for reference in (a, b, *more)]
    for place, run in enumerate(runs[2:], start=2):
        if run.id in {one.id for one in runs[:place]}:
            raise UsageError(f"run {run.id[:8]} ('{run.name}') is named twice; name others")
    evaluated = [stored_evaluation(project, run.id, VALIDATION) for run in runs]
    (first, second), (left, right) = runs[:2], evaluated[:2]
    unit = project.settings.data.unit
    named = (*project.metrics, *usual_metrics(left.rows, unit))
    first_metric = project.primary.name if project.primary else ""
    found = comparison.compare(first, second, left, right, named, first_metric, unit)
    flips = _with_answers(project, found.flips, left, right)
    matrix = matrix_of(project, runs, evaluated, named) if more else None
    return replace(found, flips=flips, matrix=matrix)


def _with_answers(
    project: Workspace, flips: Sequence[Flip], left: Evaluation, right: Evaluation
) -> tuple[Flip, ...]:
    """The same with what each row asks and expects, and what both answered, in a few words."""
    before, after = ({row.id: row for row in one.rows} for one in (left, right))
    subject = project.subject
    return tuple(
        replace(
            flip,
            input=readable.question(subject, before[flip.id]),
            expected=readable.readable(before[flip.id].expected),
            answers=(
                readable.answer(subject, before[flip.id].output),
                readable.answer(subject, after[flip.id].output),
            ),
        )
        for flip in flips
    )


@view.register
def _(result: Comparison) -> Iterator[Block]:
    yield line("A = ", styled(result.first, "bold"))
    yield line("B = ", styled(result.second, "bold"))
    if result.matrix is not None:
        for letter, name in zip(string.ascii_uppercase[2:], result.matrix.runs[2:], strict=False):
            yield line(f"{letter} = ", styled(name, "bold"))
        yield from view(result.matrix)
        yield then("fullturn compare A B", "fullturn gate A")
        return
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
        for flip in flips[:SHOWN] if result.flips_of == ERROR else ():
            yield line(" ", sign, f" {_error(flip, result.flips_unit)}{flip.input[:90]}")
    shown = [*gained[:SHOWN], *lost[:SHOWN]]
    if shown and result.flips_of != ERROR:
        yield grid(("", "row", "expected", "A", "B"), map(_side_by_side, shown))


def _side_by_side(flip: Flip) -> tuple[Part, ...]:
    sign = styled("+", "good") if flip.gained else styled("-", "bad")
    return (sign, *(cut(one, CELL) for one in (flip.input, flip.expected, *flip.answers)))


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
