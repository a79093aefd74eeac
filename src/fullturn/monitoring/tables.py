"""A log that another system wrote, as monitoring reads it: a contract, reference rows, answers.

Pure: rows of cells in, records out. A cell that does not fit its column stays as it is, so that
the detectors see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from fullturn.core.values import parsed, stored_value
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

    def of(self, row: Cells) -> float | None:
        """The loss of a row, from 0 to 1; None if it is not known."""
        if self.columns.loss:
            return _share(row.get(self.columns.loss))
        label, answer = (
            self._cell(row, self.columns.label),
            self._cell(row, self.columns.prediction),
        )
        if label is None or answer is None:
            return None
        if self.kind == "number":
            return min(1.0, self.error(row) / self.scale)
        return float(label != answer)

    def error(self, row: Cells) -> float:
        """The absolute error of a row of numbers; not a number if it is not known."""
        label, answer = (
            self._cell(row, self.columns.label),
            self._cell(row, self.columns.prediction),
        )
        numbers = isinstance(label, float) and isinstance(answer, float)
        return abs(label - answer) if numbers else math.nan

    def _cell(self, row: Cells, name: str | None) -> Any:
        if name is None or self.kind is None:
            return None
        value = cell(row.get(name), Column(name, self.kind, required=False))
        return value if self.kind != "number" or isinstance(value, float) else None


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

    def reference(self, rows: Iterable[Cells]) -> list[ScoredRow]:
        """The rows to compare with; those without an answer are left out."""
        found = []
        for number, row in enumerate(rows):
            output, loss = self._output(row), self._losses.of(row)
            if output is None:
                continue
            scores = {} if loss is None else {"score": 1.0 - loss}
            found.append(
                ScoredRow(str(number), str(number), {}, self._input(row), output, scores,
                          self._latency(row))
            )  # fmt: skip
        return found

    def observations(self, rows: Iterable[tuple[int, Cells]]) -> Iterator[Observation]:
        """The rows of the log, each with its time in milliseconds since 1970, or 0."""
        for number, (time, row) in enumerate(rows, 1):
            output = self._output(row)
            made = Prediction(
                id=str(row.get(self._columns.id or "", number)),
                sequence=number,
                time=time,
                arm="champion",
                version=0,
                key="",
                input=self._input(row),
                output=output,
                latency=self._latency(row),
                error=None if output is not None else "no answer",
            )
            yield Observation(made)
            loss = self._losses.of(row)
            if loss is not None:
                yield Observation(made, loss)

    def _input(self, row: Cells) -> dict[str, Any]:
        return {column.name: cell(row.get(column.name), column) for column in self._features}

    def _output(self, row: Cells) -> Output | None:
        output: dict[str, Any] = {}
        if self._answer is not None:
            value = cell(row.get(self._answer.name), self._answer)
            if value is None:
                return None
            output[self._answer.name] = value
        if self._columns.confidence:
            output[CONFIDENCE] = _share(row.get(self._columns.confidence))
        return output

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
