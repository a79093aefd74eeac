"""Log loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fullturn.metrics.answers import expected_labels, probabilities
from fullturn.metrics.metric import RowMetric, Rows

_LEAST = float(np.finfo(np.float64).eps)


class LogLoss(RowMetric):
    """Mean negative logarithm of the probability of the expected label (cross-entropy)."""

    name = "log_loss"
    direction = "lower"
    unit = "nats"
    bounds = (0.0, math.inf)
    needs = ("label", "probabilities")

    def values(self, rows: Rows) -> Sequence[float]:
        """-log of the probability, which counts as 2.2e-16 at least."""
        expected = expected_labels(rows)
        labels = sorted(set(expected))
        places = [labels.index(one) for one in expected]
        shares = probabilities(rows, labels)[np.arange(len(rows)), places]
        losses: list[float] = (-np.log(np.clip(shares, _LEAST, 1.0))).tolist()
        return losses

    def scale(self, rows: Rows) -> float:
        """What knowing nothing costs: the logarithm of the number of labels."""
        return math.log(max(2, len(set(expected_labels(rows)))))
