"""Mean absolute error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import RowMetric, Rows


class Mae(RowMetric):
    """Mean absolute error, in the unit of the label."""

    name = "mae"
    direction = "lower"
    unit = "label's unit"
    bounds = (0.0, math.inf)
    needs = ("value",)

    def values(self, rows: Rows) -> Sequence[float]:
        """|predicted - expected|."""
        errors: list[float] = np.abs(predicted_values(rows) - expected_values(rows)).tolist()
        return errors

    def scale(self, rows: Rows) -> float:
        """What predicting the median would cost: the labels' mean deviation from it."""
        expected = expected_values(rows)
        return float(np.abs(expected - np.median(expected)).mean())
