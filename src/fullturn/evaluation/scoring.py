"""Answer and score the examples of a split."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from fullturn.core.entities import (
    DatasetVersion,
    Evaluation,
    Example,
    Input,
    Output,
    ScoredRow,
    Split,
)
from fullturn.core.errors import AppError, DataError
from fullturn.core.plugins import asked
from fullturn.subjects.protocols import Predictor, Scorer
from fullturn.subjects.scores import declared_loss, scores_of

BATCH = 32


def evaluate(
    app: Scorer,
    predictor: Predictor,
    examples: Sequence[Example],
    subject: str,
    data: DatasetVersion,
) -> Evaluation:
    """Rows of one predictor on these examples, all of one split.

    Latency of a row is its batch's time divided by the rows in it. Where a batch comes back
    with another number of rows, its rows are left out: the gate sees that rows are missing.

    Raises:
        DataError: there are no examples.
        AppError: the app raised, a row has no score, or one that is not a number in [0, 1], or
            other scores than the first row.
    """
    if not examples:
        raise DataError(f"'{data.name}' version {data.version} has no rows to evaluate on")
    started = time.perf_counter()
    parts = batches(examples, batch_rows(app))
    rows = tuple(row for batch in parts for row in answer(app, predictor, batch))
    seconds = time.perf_counter() - started
    check_names(rows)
    split: Split = examples[0].split
    return Evaluation(subject, data.name, split, rows, len(examples), seconds)


def batch_rows(app: Scorer) -> int:
    """How many rows are asked together."""
    return getattr(app, "batch_rows", BATCH)


def answer(app: Scorer, predictor: Predictor, batch: Sequence[Example]) -> list[ScoredRow]:
    """Answer one batch and score it; nothing if the number of outputs is wrong."""
    started = time.perf_counter()
    where = f"a batch from row '{batch[0].id}'"
    outputs = ask(predictor, [example.input for example in batch], where)
    if len(outputs) != len(batch):
        return []
    latency = (time.perf_counter() - started) / len(batch)
    return [
        _row(app, example, output, latency) for example, output in zip(batch, outputs, strict=True)
    ]


def ask(predictor: Predictor, rows: Sequence[Input], where: str) -> list[Output]:
    """What the predictor answers; its own errors become ours, which say `where`.

    Raises:
        AppError: predict() raised.
    """

    def call() -> list[Output]:
        try:
            return list(predictor.predict(rows))
        except (AppError, DataError) as error:
            raise AppError(f"{error} (asked {where})") from error

    return asked("predict()", call, on=where)


def batches(examples: Sequence[Example], size: int = BATCH) -> Iterator[Sequence[Example]]:
    """The examples in parts of `size`, the last one shorter."""
    for start in range(0, len(examples), size):
        yield examples[start : start + size]


def evaluate_one_by_one(
    app: Scorer,
    predictor: Predictor,
    examples: Sequence[Example],
    subject: str,
    data: DatasetVersion,
) -> Evaluation:
    """The same, asked one at a time, as a user does; the first answer is warm-up."""
    ask(predictor, [examples[0].input], f"row '{examples[0].id}'")
    started = time.perf_counter()
    rows = tuple(row for one in examples for row in answer(app, predictor, [one]))
    seconds = time.perf_counter() - started
    return Evaluation(subject, data.name, examples[0].split, rows, len(examples), seconds)


def check_names(rows: Sequence[ScoredRow]) -> None:
    """Refuse rows with other scores than the first; the order counts, as the primary is first.

    Raises:
        AppError: two rows differ.
    """
    for row in rows[1:]:
        if list(row.scores) != list(rows[0].scores):
            raise AppError(
                f"row '{row.id}' has the scores {list(row.scores)}, row '{rows[0].id}' has "
                f"{list(rows[0].scores)}: score() must name the same ones in the same order"
            )


def _row(app: Scorer, example: Example, output: Output, latency: float) -> ScoredRow:
    scores = scores_of(app, example, output)
    return ScoredRow(
        id=example.id,
        group=example.group,
        slices=example.slices,
        input=example.input,
        output=output,
        scores=scores,
        latency=latency,
        expected=example.expected,
        loss=declared_loss(app, example, output),
    )
