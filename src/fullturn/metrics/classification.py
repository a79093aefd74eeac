"""Metrics of predicted labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import expected_labels, predicted_labels
from fullturn.metrics.metric import Flags, RowMetric, Rows, SetMetric
from fullturn.statistics.inputs import Floats


class Accuracy(RowMetric):
    """Share of rows whose label was predicted."""

    name = "accuracy"
    bounds = (0.0, 1.0)
    needs = ("label",)

    def values(self, rows: Rows) -> Sequence[float]:
        """1 for the expected label, else 0."""
        pairs = zip(expected_labels(rows), predicted_labels(rows), strict=True)
        return [float(expected == predicted) for expected, predicted in pairs]


class LabelQuotient(SetMetric):
    """Σ counted ÷ Σ possible over rows, for a label; without one, the mean over all that occur.

    A quotient of means has the influence (counted - quotient · possible) ÷ mean of possible.
    """

    bounds = (0.0, 1.0)
    needs = ("label",)

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        if label is not None:
            self.name = f"{self.name}({label})"

    @abstractmethod
    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """Counted and possible of each row, from whether it has the label; shapes (rows,)."""

    def estimate(self, rows: Rows) -> float:
        """The mean of the quotients."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """Quotient plus influence, averaged over labels."""
        parts = []
        for counted, possible in self._quotients(rows):
            found = counted.mean() / possible.mean()
            parts.append(found + (counted - found * possible) / possible.mean())
        return np.asarray(np.mean(parts, axis=0))

    def scale(self, rows: Rows) -> float:
        """What the mean over labels loses with one of them."""
        return 1 / len(self._quotients(rows))

    def support(self, rows: Rows) -> Flags:
        """The rows that count for the rarest label."""
        return min((possible > 0 for _, possible in self._quotients(rows)), key=np.sum)

    def _quotients(self, rows: Rows) -> list[tuple[Floats, Floats]]:
        expected, predicted = (np.array(c) for c in (expected_labels(rows), predicted_labels(rows)))
        found = np.unique(expected).tolist()
        labels = found if self.label is None else [self.label]
        if self.label is not None and self.label not in found:
            raise StatisticsInputError(
                f"no row is expected to be '{self.label}', only: {', '.join(found[:8])}"
            )
        quotients = [self.quotient(expected == one, predicted == one) for one in labels]
        for label, (_, possible) in zip(labels, quotients, strict=True):
            if not possible.any():
                raise StatisticsInputError(
                    f"{self.name} is undefined: '{label}' was never predicted"
                )
        return quotients


class F1(LabelQuotient):
    """Harmonic mean of precision and recall: of one label, `f1(spam)`, or over labels (macro)."""

    name = "f1"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """2 · true positives ÷ (expected + predicted)."""
        both = (expected & predicted).astype(float)
        return 2 * both, expected.astype(float) + predicted.astype(float)


class Precision(LabelQuotient):
    """Share of the rows predicted to have a label that have it: `precision(spam)`, or macro."""

    name = "precision"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """True positives ÷ predicted."""
        return (expected & predicted).astype(float), predicted.astype(float)


class Recall(LabelQuotient):
    """Share of the rows with a label that were predicted to have it: `recall(spam)`, or macro."""

    name = "recall"

    def quotient(self, expected: Flags, predicted: Flags) -> tuple[Floats, Floats]:
        """True positives ÷ expected."""
        return (expected & predicted).astype(float), expected.astype(float)


class BalancedAccuracy(Recall):
    """Mean recall over the labels that occur: the accuracy if all were equally frequent."""

    name = "balanced_accuracy"

    def __init__(self) -> None:
        super().__init__()
