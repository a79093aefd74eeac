"""A log that another system wrote, as monitoring reads it: a contract, reference rows, answers.

Pure: rows of cells in, records out. A cell that does not fit its column stays as it is, so that
the detectors see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import (
    Column,
    Contract,
    Kind,
    Observation,
    Output,
    Prediction,
    ScoredRow,
)
from fullturn.core.errors import DataError
from fullturn.core.values import parsed, stored_value, stored_values
from fullturn.monitoring.columns import CONFIDENCE

Cells = Mapping[str, Any]
LOSS = "loss"


@dataclass(frozen=True, slots=True)
class WatchColumns:
    """Which columns of a log have a role; all others are features, with kinds that are inferred."""

    prediction: str | None = None
    """The answer. A row without one is a request that failed."""
    label: str | None = None
    """The right answer, in the rows where it is known."""
    loss: str | None = None
    """How bad the answer was, from 0 to 1, in the rows where that is known; instead of `label`."""
    confidence: str | None = None
    """How sure the model was, from 0 to 1."""
    latency: str | None = None
    """Seconds from request to answer."""
    time: str | None = None
    """When it was answered: the order of the log."""
    id: str | None = None
    """What names the request; a repeated one is left out."""
    ignore: tuple[str, ...] = ()
    """Columns that are not watched."""

    @property
    def named(self) -> Mapping[str, str]:
        """The columns that have a role, by role."""
        roles = ("prediction", "label", "loss", "confidence", "latency", "time", "id")
        return {role: name for role in roles if (name := getattr(self, role)) is not None}


@dataclass(frozen=True, slots=True)
class Losses:
    """How a row's loss follows from its cells."""

    columns: WatchColumns
    kind: Kind | None
    """Of the label and the prediction; None if losses are given, or unknown."""
    scale: float = 1.0
    """Regression: the absolute error from which an answer is worth nothing."""

    def of(self, rows: Sequence[Cells]) -> list[float | None]:
        """The loss of each row, from 0 to 1; None where it is not known."""
        if self.columns.loss:
            return [_share(row.get(self.columns.loss)) for row in rows]
        if self.kind == "number":
            errors = self.errors(rows)
            return [None if error is None else min(1.0, error / self.scale) for error in errors]
        return [
            None if label is None or answer is None else float(label != answer)
            for label, answer in self._pairs(rows)
        ]

    def errors(self, rows: Sequence[Cells]) -> list[float | None]:
        """The absolute error of each row of numbers; None where it is not known."""
        return [
            abs(label - answer) if isinstance(label, float) and isinstance(answer, float) else None
            for label, answer in self._pairs(rows)
        ]

    def _pairs(self, rows: Sequence[Cells]) -> Iterator[tuple[Any, Any]]:
        """Label and prediction of each row."""
        names = (self.columns.label, self.columns.prediction)
        label, answer = (self._column(rows, name) for name in names)
        return zip(label, answer, strict=True)

    def _column(self, rows: Sequence[Cells], name: str | None) -> list[Any]:
        if name is None or self.kind is None:
            return [None] * len(rows)
        return cells(rows, Column(name, self.kind, required=False))


class LoggedTable:
    """Reads the rows of one log by one contract."""

    def __init__(self, columns: WatchColumns, kinds: Mapping[str, Kind], required: set[str],
                 losses: Losses, answer_kind: Kind | None) -> None:  # fmt: skip
        """`kinds` are those of the features; `required` are never missing in the reference."""
        self._columns, self._losses = columns, losses
        self._features = [Column(n, k, required=n in required) for n, k in kinds.items()]
        self._answer = (
            Column(columns.prediction, answer_kind, required=False)
            if columns.prediction and answer_kind
            else None
        )
        self.contract = Contract(tuple(self._features), key=tuple(kinds))

    def reference(self, rows: Sequence[Cells]) -> list[ScoredRow]:
        """The rows to compare with; those without an answer are left out."""
        return [
            ScoredRow(
                str(number),
                str(number),
                {},
                given,
                output,
                {} if loss is None else {"score": 1.0 - loss},
                self._latency(row),
            )
            for number, (row, given, output, loss) in enumerate(self._read(rows))
            if output is not None
        ]

    def observations(self, rows: Sequence[tuple[int, Cells]]) -> Iterator[Observation]:
        """The rows of the log, each with its time in milliseconds since 1970, or 0."""
        times, read = (time for time, _ in rows), self._read([row for _, row in rows])
        for number, (time, found) in enumerate(zip(times, read, strict=True), 1):
            row, given, output, loss = found
            made = Prediction(
                id=str(row.get(self._columns.id or "", number)),
                sequence=number,
                time=time,
                arm="champion",
                version=0,
                key="",
                input=given,
                output=output,
                latency=self._latency(row),
                error=None if output is not None else "no answer",
            )
            yield Observation(made)
            if loss is not None:
                yield Observation(made, loss)

    def _read(
        self, rows: Sequence[Cells]
    ) -> Iterator[tuple[Cells, dict[str, Any], Output | None, float | None]]:
        """Each row with its input, output and loss; column by column, which is quicker."""
        inputs, outputs = _dicts(rows, self._features), self._outputs(rows)
        return zip(rows, inputs, outputs, self._losses.of(rows), strict=True)

    def _outputs(self, rows: Sequence[Cells]) -> list[Output | None]:
        outputs = _dicts(rows, [] if self._answer is None else [self._answer])
        if name := self._columns.confidence:
            for row, output in zip(rows, outputs, strict=True):
                output[CONFIDENCE] = _share(row.get(name))
        answer = None if self._answer is None else self._answer.name
        return [None if answer and one[answer] is None else one for one in outputs]

    def _latency(self, row: Cells) -> float:
        value = _number(row.get(self._columns.latency)) if self._columns.latency else None
        return value or 0.0


def cell(value: Any, column: Column) -> Any:
    """The cell as its column stores it; as it is, if it breaks its column."""
    try:
        return parsed(stored_value(value, column), column)
    except DataError:
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        return None if missing else value if isinstance(value, str | int | float) else str(value)


def cells(rows: Sequence[Cells], column: Column) -> list[Any]:
    """`cell` of each row."""
    given = [row.get(column.name) for row in rows]
    stored, wrong = stored_values(given, column)
    found = [parsed(one, column) for one in stored] if column.kind == "json" else list[Any](stored)
    for number in wrong:
        found[number] = cell(given[number], column)
    return found


def _dicts(rows: Sequence[Cells], columns: Sequence[Column]) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in rows]
    names = [column.name for column in columns]
    read = zip(*(cells(rows, column) for column in columns), strict=True)
    return [dict(zip(names, some, strict=True)) for some in read]


def spread(values: Sequence[float]) -> float:
    """The width of the middle 90 % of values; of all, if that is 0; 1 if all are equal."""
    ordered = sorted(values)
    cut = len(ordered) // 20
    middle = ordered[cut : len(ordered) - cut] or ordered
    return (middle[-1] - middle[0]) or (ordered[-1] - ordered[0]) or 1.0


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _share(value: Any) -> float | None:
    number = _number(value)
    return None if number is None else min(1.0, max(0.0, number))
