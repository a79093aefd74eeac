"""Metrics of predicted probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import as_label, expected_labels, predicted_labels, probabilities
from fullturn.metrics.metric import Flags, RowMetric, Rows, SetMetric
from fullturn.statistics.inputs import Floats

_LEAST = float(np.finfo(np.float64).eps)
"""The least probability whose logarithm is taken."""


class Brier(RowMetric):
    """Mean squared error of the probabilities, halved so that it lies in [0, 1]."""

    name = "brier"
    direction = "lower"
    bounds = (0.0, 1.0)
    needs = ("label", "probabilities")

    def values(self, rows: Rows) -> Sequence[float]:
        """Half the sum over labels of (probability - 1 or 0)²."""
        expected = expected_labels(rows)
        labels = all_labels(rows, expected)
        wanted = np.array(expected)[:, None] == np.array(labels)
        squares = (probabilities(rows, labels) - wanted) ** 2
        # Rounded probabilities may add up to a little more than one.
        halves: list[float] = np.minimum(squares.sum(axis=1) / 2, 1.0).tolist()
        return halves


def all_labels(rows: Rows, expected: Sequence[str]) -> list[str]:
    """The labels that the outputs give a probability, and those that were expected."""
    given = {as_label(one) for row in rows for one in row.output.get("probabilities", ())}
    return sorted({*expected, *(given or predicted_labels(rows))})


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


class RocAuc(SetMetric):
    """Chance that a row with the label gets a higher probability of it than one without.

    Of one label against the rest, `roc_auc(spam)`; without one, the mean over all labels that
    occur (one versus rest, unweighted), which for two labels is the usual area. Ties count half.
    """

    name = "roc_auc"
    bounds = (0.0, 1.0)
    needs = ("label", "probabilities")

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        if label is not None:
            self.name = f"{self.name}({label})"

    def estimate(self, rows: Rows) -> float:
        """The mean of the areas."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """Area plus influence: DeLong's structural components (Biometrics 44, 1988)."""
        sides = self._sides(rows)
        columns = probabilities(rows, list(sides))
        parts = [_area(side, columns[:, k]) for k, side in enumerate(sides.values())]
        return np.asarray(np.mean(parts, axis=0))

    def scale(self, rows: Rows) -> float:
        """What the mean over labels loses with one of them."""
        return 1 / len(self._sides(rows))

    def support(self, rows: Rows) -> Flags:
        """The rows on the smaller side of the rarest label."""
        sides = self._sides(rows).values()
        return min((one for side in sides for one in (side, ~side)), key=np.sum)

    def _sides(self, rows: Rows) -> dict[str, Flags]:
        """For each label that is averaged, which rows have it."""
        expected = np.array(expected_labels(rows))
        found = np.unique(expected).tolist()
        if len(found) < 2:
            raise StatisticsInputError(
                f"all {len(rows)} rows are expected to be '{found[0]}': nothing to rank them by"
            )
        if self.label is not None and self.label not in found:
            raise StatisticsInputError(
                f"no row is expected to be '{self.label}', only: {', '.join(found[:8])}"
            )
        # Of two labels, each gives the same area.
        labels = [self.label] if self.label else found if len(found) > 2 else found[1:]
        return {label: expected == label for label in labels}


def _area(positive: Flags, scores: Floats) -> Floats:
    ours, others = scores[positive], scores[~positive]
    above = _share_below(others, ours)
    found = float(above.mean())
    parts = np.empty(scores.size)
    parts[positive] = found + (above - found) * scores.size / ours.size
    parts[~positive] = found + (1 - _share_below(ours, others) - found) * scores.size / others.size
    return parts


def _share_below(these: Floats, scores: Floats) -> Floats:
    """Share of `these` that is below each score, equal ones counted half."""
    ordered = np.sort(these)
    places = ordered.searchsorted(scores, "left") + ordered.searchsorted(scores, "right")
    return np.asarray(places / (2 * ordered.size))
