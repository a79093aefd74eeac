"""Brier score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fullturn.metrics.answers import as_label, expected_labels, predicted_labels, probabilities
from fullturn.metrics.metric import RowMetric, Rows


class Brier(RowMetric):
    """Mean squared error of the probabilities, halved so that it lies in [0, 1]."""

    name = "brier"
    direction = "lower"
    bounds = (0.0, 1.0)
    needs = ("label", "probabilities")

    def values(self, rows: Rows) -> Sequence[float]:
        """Half the sum over labels of (probability - 1 or 0)²."""
        expected = expected_labels(rows)
        labels = all_labels(rows, expected)
        wanted = np.array(expected)[:, None] == np.array(labels)
        squares = (probabilities(rows, labels) - wanted) ** 2
        # Rounded probabilities may add up to a little more than one.
        halves: list[float] = np.minimum(squares.sum(axis=1) / 2, 1.0).tolist()
        return halves


def all_labels(rows: Rows, expected: Sequence[str]) -> list[str]:
    """The labels that the outputs give a probability, and those that were expected."""
    given = {as_label(one) for row in rows for one in row.output.get("probabilities", ())}
    return sorted({*expected, *(given or predicted_labels(rows))})
