"""Accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.metrics.answers import expected_labels, predicted_labels
from fullturn.metrics.metric import RowMetric, Rows


class Accuracy(RowMetric):
    """Share of rows whose label was predicted."""

    name = "accuracy"
    bounds = (0.0, 1.0)
    needs = ("label",)

    def values(self, rows: Rows) -> Sequence[float]:
        """1 for the expected label, else 0."""
        pairs = zip(expected_labels(rows), predicted_labels(rows), strict=True)
        return [float(expected == predicted) for expected, predicted in pairs]
