"""Recall."""

from __future__ import annotations

from fullturn.metrics.counts import LabelQuotient
from fullturn.metrics.metric import Flags
from fullturn.statistics.inputs import Floats


class Recall(LabelQuotient):
    """Share of the rows with a label that were predicted to have it: `recall(spam)`, or macro."""

    name = "recall"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """True positives ÷ expected."""
        return (expected & predicted).astype(float), expected.astype(float)
