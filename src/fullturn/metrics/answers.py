"""Columns of scored rows: expected and predicted labels, probabilities, and values.

An output names its label `label` and its value `value`, or as the label column is called. It may
carry `probabilities`, a mapping of labels to shares; where only two labels occur, `confidence`,
the probability of the predicted label, is enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from numbers import Real
from typing import Any, Self, TypeVar

import numpy as np

from fullturn.core.entities import ScoredRow
from fullturn.core.errors import StatisticsInputError
from fullturn.core.values import as_label
from fullturn.core.wording import listed, shown
from fullturn.statistics.inputs import Floats

Rows = Sequence[ScoredRow]
T = TypeVar("T")
_ROUNDING = 1e-6


class CachedRows(tuple[ScoredRow, ...]):
    """Rows that remember the columns read from them, as several metrics read the same ones."""

    columns: dict[Hashable, Any]

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """These rows; themselves if they are of this kind."""
        if isinstance(rows, cls):
            return rows
        made = cls(rows)
        made.columns = {}
        return made


def _cached(rows: Rows, name: Hashable, read: Callable[[], T]) -> T:
    if not isinstance(rows, CachedRows):
        return read()
    if name not in rows.columns:
        rows.columns[name] = read()
    found: T = rows.columns[name]
    return found


def expected_labels(rows: Rows) -> list[str]:
    """The label of each row."""

    def read() -> list[str]:
        column = label_column(rows)
        return [as_label(row.expected[column]) for row in rows]

    return _cached(rows, "expected labels", read)


def predicted_labels(rows: Rows) -> list[str]:
    """The label that was predicted for each row."""

    def read() -> list[str]:
        names = ("label", label_column(rows))
        return [as_label(_output(row, names)) for row in rows]

    return _cached(rows, "predicted labels", read)


def expected_values(rows: Rows) -> Floats:
    """The expected number of each row, shape (rows,)."""

    def read() -> Floats:
        column = label_column(rows)
        return np.array([_number(row, row.expected[column], "expected") for row in rows])

    return _cached(rows, "expected values", read)


def predicted_values(rows: Rows) -> Floats:
    """The predicted number of each row, shape (rows,)."""

    def read() -> Floats:
        names = ("value", label_column(rows), "label")
        return np.array([_number(row, _output(row, names), "predicted") for row in rows])

    return _cached(rows, "predicted values", read)


def given_labels(rows: Rows) -> list[str]:
    """Every label that an output gives a probability, sorted; none without probabilities."""

    def read() -> list[str]:
        given = {label for row in rows for label in row.output.get("probabilities", ())}
        return sorted({as_label(label) for label in given})

    return _cached(rows, "given labels", read)


def confidences(rows: Rows) -> Floats:
    """The probability of the predicted label in each row, shape (rows,)."""

    def read() -> Floats:
        if any("confidence" not in row.output for row in rows):
            predicted = predicted_labels(rows)
            labels = sorted(set(predicted))
            places = [labels.index(one) for one in predicted]
            return np.asarray(probabilities(rows, labels)[np.arange(len(rows)), places])
        return np.array([_share(row, row.output["confidence"]) for row in rows])

    return _cached(rows, "confidences", read)


def probabilities(rows: Rows, labels: Sequence[str]) -> Floats:
    """The probability of each of these labels in each row, shape (rows, labels)."""
    return _cached(
        rows, ("probabilities", *labels), lambda: _read_probabilities(rows, list(labels))
    )


def _read_probabilities(rows: Rows, labels: list[str]) -> Floats:
    if all("probabilities" in row.output for row in rows):
        return _fast_shares(rows, labels)
    if any("confidence" not in row.output for row in rows):
        raise StatisticsInputError(
            "the outputs have neither 'probabilities' nor a 'confidence': "
            'return {"label": …, "probabilities": {label: share}} from predict()'
        )
    return _of_confidence(rows, labels)


def label_column(rows: Rows) -> str:
    """The one label column of the rows."""
    if not rows:
        raise StatisticsInputError("no row was answered")
    without = next((row for row in rows if not row.expected), None)
    if without is not None:
        raise StatisticsInputError(
            f"row '{without.id}' is stored without its expected label, as fullturn 0.1 did: "
            "evaluate again"
        )
    columns = list(rows[0].expected)
    if len(columns) > 1:
        raise StatisticsInputError(
            f"the rows have {len(columns)} label columns, {listed(columns)}: this metric needs one"
        )
    return columns[0]


def _output(row: ScoredRow, names: Sequence[str]) -> Any:
    for name in names:
        if name in row.output:
            return row.output[name]
    raise StatisticsInputError(
        f"the output of row '{row.id}' has no '{names[0]}', only: {listed(list(row.output))}"
    )


def _number(row: ScoredRow, value: Any, which: str) -> float:
    if isinstance(value, bool) or not (isinstance(value, Real) and math.isfinite(value)):
        raise StatisticsInputError(
            f"the {which} value of row '{row.id}' is {shown(value)}, not a finite number"
        )
    return float(value)


def _fast_shares(rows: Rows, labels: Sequence[str]) -> Floats:
    """All at once; what is unusual is read row by row, which names what is wrong."""
    with suppress(KeyError, TypeError, ValueError):
        maps = [row.output["probabilities"] for row in rows]
        found = np.array([[one[label] for label in labels] for one in maps])
        sane = all(min(one.values()) >= 0 and max(one.values()) <= 1 for one in maps)
        if found.dtype == np.float64 and sane and np.isfinite(found).all():
            return found
    return np.array([_shares(row, labels) for row in rows])


def _share(row: ScoredRow, value: Any) -> float:
    share = _number(row, value, "predicted")
    if not -_ROUNDING <= share <= 1 + _ROUNDING:
        raise StatisticsInputError(
            f"the confidence of row '{row.id}' is {share:g}: give a share in [0, 1]"
        )
    return min(1.0, max(0.0, share))


def _shares(row: ScoredRow, labels: Sequence[str]) -> list[float]:
    given = row.output["probabilities"]
    if not isinstance(given, Mapping):
        raise StatisticsInputError(
            f"'probabilities' of row '{row.id}' is {shown(given)}; "
            "give a mapping of labels to shares"
        )
    shares = {as_label(label): _number(row, share, "predicted") for label, share in given.items()}
    missing = [label for label in labels if label not in shares]
    outside = [share for share in shares.values() if not -_ROUNDING <= share <= 1 + _ROUNDING]
    if missing or outside:
        problem = f"lack '{missing[0]}'" if missing else f"contain {outside[0]:g}"
        raise StatisticsInputError(
            f"the probabilities of row '{row.id}' {problem}: give every label a share in [0, 1]"
        )
    return [min(1.0, max(0.0, shares[label])) for label in labels]


def _of_confidence(rows: Rows, labels: Sequence[str]) -> Floats:
    predicted = predicted_labels(rows)
    both = sorted({*predicted, *labels})
    if len(both) > 2:
        raise StatisticsInputError(
            f"there are {len(both)} labels, so the confidence of one does not say how likely the "
            'others are: return "probabilities" from predict() too'
        )
    sure = [_number(row, row.output["confidence"], "predicted") for row in rows]
    return np.array(
        [
            [share if label == one else 1 - share for label in labels]
            for one, share in zip(predicted, sure, strict=True)
        ]
    )
