"""Metrics of predicted numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import RowMetric, Rows, SetMetric
from fullturn.statistics.inputs import Floats


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


class R2(SetMetric):
    """Coefficient of determination: 1 for no error, 0 for predicting the mean."""

    name = "r2"
    bounds = (-math.inf, 1.0)
    needs = ("value",)

    def estimate(self, rows: Rows) -> float:
        """1 - Σ (expected - predicted)² ÷ Σ (expected - mean)²."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """A quotient of means, as in `LabelQuotient`; the mean itself has no first-order effect."""
        expected = expected_values(rows)
        left = (predicted_values(rows) - expected) ** 2
        whole = (expected - expected.mean()) ** 2
        if not whole.any():
            raise StatisticsInputError(
                f"all {len(rows)} rows expect {expected[0]:g}: there is no variance to explain"
            )
        share = left.mean() / whole.mean()
        return np.asarray(1 - share - (left - share * whole) / whole.mean())

    def scale(self, rows: Rows) -> float:
        """1: what separates no error from predicting the mean."""
        return 1.0
