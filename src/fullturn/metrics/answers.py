"""Columns of scored rows: expected and predicted labels, probabilities, and values.

An output names its label `label` and its value `value`, or as the label column is called. It may
carry `probabilities`, a mapping of labels to shares; where only two labels occur, `confidence`,
the probability of the predicted label, is enough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from fullturn.core.entities import ScoredRow
from fullturn.core.errors import StatisticsInputError
from fullturn.core.wording import listed, shown
from fullturn.statistics.inputs import Floats

Rows = Sequence[ScoredRow]
_ROUNDING = 1e-6


def expected_labels(rows: Rows) -> list[str]:
    """The label of each row."""
    column = label_column(rows)
    return [as_label(row.expected[column]) for row in rows]


def predicted_labels(rows: Rows) -> list[str]:
    """The label that was predicted for each row."""
    names = ("label", label_column(rows))
    return [as_label(_output(row, names)) for row in rows]


def expected_values(rows: Rows) -> Floats:
    """The expected number of each row, shape (rows,)."""
    column = label_column(rows)
    return np.array([_number(row, row.expected[column], "expected") for row in rows])


def predicted_values(rows: Rows) -> Floats:
    """The predicted number of each row, shape (rows,)."""
    names = ("value", label_column(rows), "label")
    return np.array([_number(row, _output(row, names), "predicted") for row in rows])


def probabilities(rows: Rows, labels: Sequence[str]) -> Floats:
    """The probability of each of these labels in each row, shape (rows, labels)."""
    if all("probabilities" in row.output for row in rows):
        return np.array([_shares(row, labels) for row in rows])
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


def as_label(value: Any) -> str:
    """A label as text: 1.0 and 1 are the same, and so are True and 'true'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


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
