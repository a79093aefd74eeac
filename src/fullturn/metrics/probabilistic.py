"""Metrics of predicted probabilities."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import (
    confidences,
    expected_labels,
    given_labels,
    predicted_labels,
    probabilities,
)
from fullturn.metrics.metric import NATS, Flags, RowMetric, Rows, SetMetric
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
    return sorted({*expected, *(given_labels(rows) or predicted_labels(rows))})


class LogLoss(RowMetric):
    """Mean negative logarithm of the probability of the expected label (cross-entropy)."""

    name = "log_loss"
    direction = "lower"
    unit = NATS
    bounds = (0.0, math.inf)
    needs = ("label", "probabilities")

    def values(self, rows: Rows) -> Sequence[float]:
        """-log of the probability, which counts as 2.2e-16 at least."""
        expected = expected_labels(rows)
        labels = sorted(set(expected))
        number = {label: place for place, label in enumerate(labels)}
        places = [number[one] for one in expected]
        shares = probabilities(rows, labels)[np.arange(len(rows)), places]
        losses: list[float] = (-np.log(np.clip(shares, _LEAST, 1.0))).tolist()
        return losses

    def scale(self, rows: Rows) -> float:
        """What knowing nothing costs: the logarithm of the number of labels."""
        return math.log(max(2, len(set(expected_labels(rows)))))


class OneVersusRest(SetMetric):
    """A function of how a label's probability ranks the rows; the mean over labels."""

    bounds = (0.0, 1.0)
    needs = ("label", "probabilities")

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        if label is not None:
            self.name = f"{self.name}({label})"

    @abstractmethod
    def parts(self, positive: Flags, scores: Floats) -> Floats:
        """The value plus the influence of each row, shape (rows,), of one label."""

    def estimate(self, rows: Rows) -> float:
        """The mean over labels."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """Value plus influence, averaged over labels."""
        sides = self._sides(rows)
        columns = probabilities(rows, list(sides))
        parts = [self.parts(side, columns[:, k]) for k, side in enumerate(sides.values())]
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
        labels = [self.label] if self.label else found if len(found) > 2 else found[1:]
        return {label: expected == label for label in labels}


class RocAuc(OneVersusRest):
    """Chance that a row with the label gets a higher probability of it than one without.

    Of one label against the rest, `roc_auc(spam)`; without one, the mean over all labels that
    occur (one versus rest, unweighted), which for two labels is the usual area, the same for
    each. Ties count half.
    """

    name = "roc_auc"

    def parts(self, positive: Flags, scores: Floats) -> Floats:
        """Area plus influence: DeLong's structural components (Biometrics 44, 1988)."""
        return _area(positive, scores)


class AveragePrecision(OneVersusRest):
    """Mean precision over the rows with the label, ranked by its probability: the area under the
    precision-recall curve.

    Of one label, `average_precision(spam)`; without one, of the last of two labels in the
    alphabet (`yes` of `no` and `yes`), and the mean over all of more than two.
    """

    name = "average_precision"

    def parts(self, positive: Flags, scores: Floats) -> Floats:
        """Mean over positive rows of the precision at their score, plus each row's influence.

        With A and B the positive and all rows at or above a score, the weight of a row enters
        through its own term, and through A ÷ B of every positive row at or below it.
        """
        _, rank = np.unique(-scores, return_inverse=True)
        hits = np.bincount(rank, weights=positive)
        above, flagged = np.cumsum(np.bincount(rank)), np.cumsum(hits)
        precision = flagged / above
        found = float(precision @ hits) / float(hits.sum())
        # Sums over the positive rows at or below a score, by its rank.
        inverse = np.cumsum((hits / above)[::-1])[::-1]
        ratio = np.cumsum((hits * flagged / above**2)[::-1])[::-1]
        own = positive * (precision[rank] - found + inverse[rank])
        return np.asarray(found + (own - ratio[rank]) * scores.size / float(hits.sum()))


class CalibrationError(SetMetric):
    """Mean gap between confidence and share of right answers, over ten bins of confidence (ECE).

    Of the predicted label; of one label's probability, `calibration_error(spam)`. Bins of equal
    width (Naeini, Cooper and Hauskrecht, AAAI 2015). Few rows have a gap by chance: a perfect
    model of n rows has about √(bins ÷ 5 n).
    """

    name = "calibration_error"
    direction = "lower"
    bounds = (0.0, 1.0)
    needs = ("label", "probabilities")

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        if label is not None:
            self.name = f"{self.name}({label})"

    def estimate(self, rows: Rows) -> float:
        """Σ over bins of |Σ (right - confidence)| ÷ rows."""
        return float(self.contributions(rows).mean())

    def contributions(self, rows: Rows) -> Floats:
        """A row moves the sum of its bin, in the direction in which that bin is off."""
        sure, right = self._answers(rows)
        place = bins(sure)
        sign = np.sign(np.bincount(place, weights=right - sure, minlength=BINS))
        return np.asarray(sign[place] * (right - sure))

    def bias(self, rows: Rows) -> float:
        """Σ over bins of E|sum| - |E sum|, the excess of a folded normal (Leone, Nelson and
        Nottingham, Technometrics 3, 1961), ÷ rows.

        The expected sum of a bin is taken to be one clustered standard error below the observed
        one, as chance has raised that too.
        """
        sure, right = self._answers(rows)
        place = bins(sure)
        _, group = np.unique([row.group for row in rows], return_inverse=True)
        cells, code = np.unique(group * BINS + place, return_inverse=True)
        parts = np.bincount(code, weights=right - sure)
        sums = np.bincount(cells % BINS, weights=parts, minlength=BINS)
        error = np.sqrt(np.bincount(cells % BINS, weights=parts**2, minlength=BINS))
        seen = error > 0
        size = np.maximum(0.0, np.abs(sums[seen]) / error[seen] - 1)
        density = np.exp(-(size**2) / 2) / math.sqrt(2 * math.pi)
        excess = 2 * (density - size * ndtr(-size))
        return float(excess @ error[seen]) / len(rows)

    def _answers(self, rows: Rows) -> tuple[Floats, Floats]:
        expected = np.array(expected_labels(rows))
        if self.label is not None:
            return probabilities(rows, [self.label])[:, 0], (expected == self.label).astype(float)
        return confidences(rows), (expected == np.array(predicted_labels(rows))).astype(float)


BINS = 10


def bins(shares: Floats) -> npt.NDArray[np.intp]:
    """The bin of each share, 0 … BINS - 1; an edge belongs to the bin below it."""
    return np.linspace(0, 1, BINS + 1)[1:-1].searchsorted(shares)


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
