"""What a metric is: a name, a direction, a unit, and what each row contributes to it.

A metric over rows is the mean of a value per row. A metric over the whole set (F1, ROC-AUC, RMSE)
is a function of all rows; its contributions are the value of the function plus the influence of
each row on it, so that their mean is the metric and their spread is its uncertainty. Both kinds
are then compared by the same statistics (`fullturn.metrics.comparison`).
"""

from __future__ import annotations

import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from fullturn.core.entities import ScoredRow
from fullturn.core.errors import StatisticsInputError
from fullturn.core.wording import figure, listed
from fullturn.statistics.inputs import Floats, as_scores

Rows = Sequence[ScoredRow]
Flags = npt.NDArray[np.bool_]
Direction = Literal["higher", "lower"]
FINITE = (-sys.float_info.max, sys.float_info.max)


class Metric(ABC):
    """Base of all metrics. Methods raise StatisticsInputError for rows they cannot judge."""

    name: str
    direction: Direction = "higher"
    """Which values are better."""
    unit: str = "share"
    """`share` for values in [0, 1]; else what the values are measured in."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Lowest and highest value that the metric can have."""
    margin: float | None = None
    """The non-inferiority margin, where the settings give none."""
    needs: tuple[str, ...] = ()
    """What rows must contain, for the documentation: `label`, `probabilities`, `value`."""

    @abstractmethod
    def estimate(self, rows: Rows) -> float:
        """The metric on these rows."""

    @abstractmethod
    def contributions(self, rows: Rows) -> Floats:
        """A number per row, shape (rows,), whose mean is the estimate.

        For a metric over the set: the estimate plus the row's influence, n · ∂estimate/∂weight
        at equal weights (the infinitesimal jackknife; Jaeckel, Bell Laboratories MM 72-1215-11,
        1972).
        """

    def scale(self, rows: Rows) -> float:
        """How much worse it gets if all rows of the support fail; 0 if that is unknown."""
        low, high = self.bounds
        return high - low if math.isfinite(high - low) else 0.0

    def bias(self, rows: Rows) -> float:
        """How much larger than the truth the estimate may be on average, from few rows alone.

        0 for most metrics. One of absolute values, such as a calibration error, grows with noise;
        intervals and tests are wider by this.
        """
        return 0.0

    def support(self, rows: Rows) -> Flags:
        """Which rows the metric depends on most, shape (rows,): for recall, those of the label."""
        return np.ones(len(rows), dtype=np.bool_)

    def applies(self, rows: Rows) -> str | None:
        """Why the metric cannot be computed on these rows; None if it can."""
        try:
            self.contributions(rows)
        except StatisticsInputError as error:
            return str(error)
        return None


class RowMetric(Metric):
    """The mean of a value per row."""

    @abstractmethod
    def values(self, rows: Rows) -> Sequence[float]:
        """One finite value per row, within the bounds."""

    def estimate(self, rows: Rows) -> float:
        """The mean over rows."""
        values: list[float] = self.contributions(rows).tolist()
        return sum(values) / len(values)

    def contributions(self, rows: Rows) -> Floats:
        """The values themselves."""
        low, high = self.bounds
        return as_scores(self.values(rows), self.name, max(low, FINITE[0]), min(high, FINITE[1]))


class SetMetric(Metric):
    """A function of all rows. `estimate` is enough; with `contributions` it is faster."""

    def contributions(self, rows: Rows) -> Floats:
        """Influences by leaving out one group after the other: as many estimates as groups.

        The jackknife's pseudo-values (Tukey, Annals of Mathematical Statistics 29, 1958).
        """
        whole, groups = self.estimate(rows), [row.group for row in rows]
        influence = {group: self._influence(rows, group, whole) for group in dict.fromkeys(groups)}
        found = np.array([influence[group] for group in groups])
        return np.asarray(whole + found - found.mean())

    def _influence(self, rows: Rows, group: str, whole: float) -> float:
        rest = [row for row in rows if row.group != group]
        try:
            without = self.estimate(rest)
        except StatisticsInputError as error:
            raise StatisticsInputError(
                f"{self.name} cannot be computed without group '{group}' ({error}): "
                "add rows, so that it does not depend on one group"
            ) from error
        return (whole - without) * len(rest) / (len(rows) - len(rest))


class MeanScore(RowMetric):
    """The mean of one of the subject's scores, each in [0, 1]; higher is better."""

    bounds = (0.0, 1.0)

    def __init__(self, name: str) -> None:
        self.name = name

    def values(self, rows: Rows) -> Sequence[float]:
        """The score of each row."""
        for row in rows:
            if self.name not in row.scores:
                raise StatisticsInputError(
                    f"there is no score '{self.name}', only: {listed(list(row.scores)) or 'none'}"
                )
        return [row.scores[self.name] for row in rows]


SHARE, LABEL_UNIT, NATS = "share", "label's unit", "nats"
_NOT_IN_KEYS = re.compile(r"[^\w\-. :/]+")


def key(name: str) -> str:
    """A metric's name as MLflow accepts it: `f1(spam)` becomes `f1.spam`."""
    return _NOT_IN_KEYS.sub(".", name).strip(".")


def in_unit(metric: Metric, unit: str | None) -> Metric:
    """The metric, measured in this unit if it is measured in the label's."""
    if unit and metric.unit == LABEL_UNIT:
        metric.unit = unit
    return metric


def about(unit: str, direction: str) -> str:
    """What a reader must know of a figure: `USD, lower is better`."""
    return f"{'' if unit == SHARE else f'{unit}, '}{direction} is better"


def suffix(unit: str) -> str:
    """What follows a figure in a sentence: ` USD`; nothing where the unit has no name."""
    return "" if unit in (SHARE, LABEL_UNIT, NATS) else f" {unit}"


def number(value: float, unit: str = SHARE) -> str:
    """A level."""
    return f"{value:.3f}" if unit == SHARE else figure(value)


def signed(value: float, unit: str = SHARE) -> str:
    """A difference."""
    return f"{value:+.3f}" if unit == SHARE else figure(value, "+")
