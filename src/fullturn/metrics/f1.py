"""F1."""

from __future__ import annotations

from fullturn.metrics.counts import LabelQuotient
from fullturn.metrics.metric import Flags
from fullturn.statistics.inputs import Floats


class F1(LabelQuotient):
    """Harmonic mean of precision and recall: of one label, `f1(spam)`, or over labels (macro)."""

    name = "f1"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """2 · true positives ÷ (expected + predicted)."""
        both = (expected & predicted).astype(float)
        return 2 * both, expected.astype(float) + predicted.astype(float)
