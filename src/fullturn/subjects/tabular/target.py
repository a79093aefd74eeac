"""The label of a regression on a logarithmic scale: errors count in proportion to the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from fullturn.subjects.tabular.columns import Floats

_PART = 0.01
"""The unit is this part of the median label: far below nearly all, so that the scale is that of a
logarithm, but for labels around zero."""
_LEAST, _TINY = 1e-12, float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """sign(y) · log(1 + |y| / unit), which zero and negative labels have as well.

    Answers beyond the training labels go as far again as these are wide, `lowest` to `highest` on
    this scale, and no farther: an exponential of a straight line has no other bound.
    """

    unit: float
    lowest: float
    highest: float

    @classmethod
    def learn(cls, labels: Floats) -> Self:
        """From the training labels [n]."""
        sizes = np.abs(labels[labels != 0])
        unit = 1.0
        if sizes.size:
            unit = max(_PART * float(np.median(sizes)), _LEAST * float(sizes.max()), _TINY)
        scaled = _scaled(labels, unit)
        low, high = float(scaled.min()), float(scaled.max())
        return cls(unit, 2 * low - high, 2 * high - low)

    def scaled(self, labels: Floats) -> Floats:
        """Labels on this scale."""
        return _scaled(labels, self.unit)

    def labels(self, scaled: Floats) -> Floats:
        """Labels, from values on this scale."""
        found = np.clip(scaled, self.lowest, self.highest)
        return np.asarray(np.sign(found) * self.unit * np.expm1(np.abs(found)))


def _scaled(labels: Floats, unit: float) -> Floats:
    return np.asarray(np.sign(labels) * np.log1p(np.abs(labels) / unit))
