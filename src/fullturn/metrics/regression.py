"""Metrics of predicted numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fullturn.core.errors import SettingsError, StatisticsInputError
from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import LABEL_UNIT, RowMetric, Rows, SetMetric
from fullturn.statistics.inputs import Floats


class Mae(RowMetric):
    """Mean absolute error, in the unit of the label."""

    name = "mae"
    direction = "lower"
    unit = LABEL_UNIT
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


class Mape(RowMetric):
    """Mean absolute error as a share of the expected value, which must not be 0."""

    name = "mape"
    direction = "lower"
    bounds = (0.0, math.inf)
    needs = ("value",)

    def values(self, rows: Rows) -> Sequence[float]:
        """|predicted - expected| ÷ |expected|."""
        expected = _without_zero(rows)
        errors: list[float] = np.abs(predicted_values(rows) / expected - 1).tolist()
        return errors

    def scale(self, rows: Rows) -> float:
        """What predicting the median would cost."""
        expected = _without_zero(rows)
        return float(np.abs(np.median(expected) / expected - 1).mean())


def _without_zero(rows: Rows) -> Floats:
    expected = expected_values(rows)
    zero = np.flatnonzero(expected == 0)
    if zero.size:
        raise StatisticsInputError(
            f"row '{rows[int(zero[0])].id}' expects 0, of which an error is no share: "
            "use mae instead of mape"
        )
    return expected


class QuantileLoss(RowMetric):
    """Loss of a predicted quantile (pinball loss), `quantile_loss(0.9)`, in the label's unit.

    Values below the expected one cost `level` times the error, values above it 1 - `level` times.
    Without a level, that of the median, half of MAE (Koenker and Bassett, Econometrica 46, 1978).
    """

    name = "quantile_loss"
    direction = "lower"
    unit = LABEL_UNIT
    bounds = (0.0, math.inf)
    needs = ("value",)

    def __init__(self, level: str | None = None) -> None:
        self.level = 0.5 if level is None else _as_level(level)
        if level is not None:
            self.name = f"{self.name}({self.level:g})"

    def values(self, rows: Rows) -> Sequence[float]:
        """level · (expected - predicted) where that is positive, else (level - 1) · the same."""
        losses: list[float] = self._loss(expected_values(rows) - predicted_values(rows)).tolist()
        return losses

    def scale(self, rows: Rows) -> float:
        """What predicting this quantile of the labels would cost."""
        expected = expected_values(rows)
        return float(self._loss(expected - np.quantile(expected, self.level)).mean())

    def _loss(self, short: Floats) -> Floats:
        return np.maximum(self.level * short, (self.level - 1) * short)


def _as_level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not 0 < level < 1:
        raise SettingsError(
            f"metric 'quantile_loss({text})': the level of a quantile is a number between 0 and "
            "1, as in quantile_loss(0.9)"
        )
    return level


class Rmse(SetMetric):
    """Root mean squared error, in the unit of the label."""

    name = "rmse"
    direction = "lower"
    unit = LABEL_UNIT
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
