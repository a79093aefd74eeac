"""Root mean squared error."""

from __future__ import annotations

import math

import numpy as np

from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import Rows, SetMetric
from fullturn.statistics.inputs import Floats


class Rmse(SetMetric):
    """Root mean squared error, in the unit of the label."""

    name = "rmse"
    direction = "lower"
    unit = "label's unit"
    bounds = (0.0, math.inf)
    needs = ("value",)

    def estimate(self, rows: Rows) -> float:
        """√ mean (predicted - expected)²."""
        return math.sqrt(float(_squares(rows).mean()))

    def contributions(self, rows: Rows) -> Floats:
        """√m + (square - m) ÷ 2√m, with m the mean square."""
        squares = _squares(rows)
        mean = float(squares.mean())
        root = math.sqrt(mean)
        return np.asarray(root + (squares - mean) / (2 * root)) if root else squares

    def scale(self, rows: Rows) -> float:
        """What predicting the mean would cost: the labels' standard deviation."""
        return float(expected_values(rows).std())


def _squares(rows: Rows) -> Floats:
    return np.asarray((predicted_values(rows) - expected_values(rows)) ** 2)
