"""Several runs on the same rows, side by side."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence

from fullturn.core.entities import Evaluation, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.showing import Block, Cell, grid, line, styled, view
from fullturn.core.wording import cut, listed
from fullturn.metrics.answers import CachedRows
from fullturn.metrics.metric import MeanScore, Metric
from fullturn.tracking.comparison import Matrix, MatrixRow
from fullturn.verbs.parts import readable
from fullturn.verbs.workspace import Workspace

ROWS, CELL, ANSWER = 20, 44, 18


def matrix_of(
    project: Workspace,
    runs: Sequence[RunRecord],
    evaluated: Sequence[Evaluation],
    named: Sequence[Metric],
) -> Matrix:
    """All of them on the rows that all have scored."""
    by_id = [{row.id: row for row in one.rows} for one in evaluated]
    shared = [key for key in by_id[0] if all(key in one for one in by_id[1:])]
    if not shared:
        raise NotFound(
            f"{listed([run.name for run in runs])} share no scored rows; train them on the same "
            "dataset version"
        )
    rows = [CachedRows.of([one[key] for key in shared]) for one in by_id]
    scores = [name for name in evaluated[0].metrics if all(name in e.metrics for e in evaluated)]
    metrics: list[Metric] = [MeanScore(name) for name in scores]
    metrics += [metric for metric in named if metric.name not in scores]
    able = [one for one in metrics if all(one.applies(of) is None for of in rows)]
    primary = scores[0]
    cases = [
        MatrixRow(
            key,
            readable.question(project.subject, by_id[0][key]),
            readable.readable(by_id[0][key].expected),
            tuple(readable.answer(project.subject, one[key].output) for one in by_id),
            tuple(one[key].scores[primary] for one in by_id),
        )
        for key in shared
    ]
    split = [case for case in cases if len(set(case.scores)) > 1]
    return Matrix(
        tuple(run.name for run in runs),
        len(shared),
        {one.name: tuple(one.estimate(of) for of in rows) for one in able},
        tuple(sorted(split, key=lambda case: sum(case.scores))),
        sum(max(case.scores) < 1 for case in cases),
    )


@view.register
def _(found: Matrix) -> Iterator[Block]:
    """Runs in columns, rows that they do not score alike below each other."""
    letters = string.ascii_uppercase[: len(found.runs)]
    rows = [(name, *map(_level, levels)) for name, levels in found.metrics.items()]
    yield grid(("metric", *(f">{letter}" for letter in letters)), rows)
    same = found.rows - len(found.split)
    wrong = f", {found.all_wrong} of them wrong in all" if found.all_wrong else ""
    yield line(f"on {found.rows} rows: {same} score alike in all runs{wrong}")
    if found.split:
        yield grid(("row", "expected", *letters), map(_matrix_row, found.split[:ROWS]))
    if len(found.split) > ROWS:
        yield line(f"… and {len(found.split) - ROWS} more, in --json")


def _matrix_row(case: MatrixRow) -> tuple[Cell, ...]:
    best = max(case.scores)
    cells = (
        (
            styled("✓ " if score == best else "✗ ", "good" if score == best else "bad"),
            cut(text, ANSWER),
        )
        for text, score in zip(case.answers, case.scores, strict=True)
    )
    return (cut(case.input, CELL), cut(case.expected, ANSWER), *cells)


def _level(value: float) -> str:
    return f"{value:.4g}"
