"""Coefficient of determination."""

from __future__ import annotations

import math

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import Rows, SetMetric
from fullturn.statistics.inputs import Floats


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
