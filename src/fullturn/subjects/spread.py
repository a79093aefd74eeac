"""The scale of a label that is a number: from which error on an answer is worth nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_MIDDLES = ((25, 75), (5, 95), (0, 100))


def spread(values: Sequence[float]) -> float:
    """The width of the middle half of these numbers, rounded up to two digits; 0 if all are equal.

    Where most are equal, the middle 90 % or all of them. Half of the errors of a constant answer
    are then within the scale, and a few outliers do not decide it.
    """
    if not len(values):
        return 0.0
    for low, high in _MIDDLES:
        lower, upper = np.percentile(np.asarray(values, dtype=np.float64), (low, high))
        if upper > lower:
            return _rounded_up(float(upper - lower))
    return 0.0


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.2g}")
