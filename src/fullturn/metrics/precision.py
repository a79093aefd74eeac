"""Precision."""

from __future__ import annotations

from fullturn.metrics.counts import LabelQuotient
from fullturn.metrics.metric import Flags
from fullturn.statistics.inputs import Floats


class Precision(LabelQuotient):
    """Share of the rows predicted to have a label that have it: `precision(spam)`, or macro."""

    name = "precision"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """True positives ÷ predicted."""
        return (expected & predicted).astype(float), predicted.astype(float)
