"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import expected_labels, probabilities
from fullturn.metrics.metric import Flags, Rows, SetMetric
from fullturn.statistics.inputs import Floats


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
