"""Bets on means that must not rise: error rates, losses, and losses estimated from confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.edetector import Bets
from fullturn.statistics.inputs import Floats, as_scores
from fullturn.statistics.sequential import FORTUNES, STAKES

_BIN_ROWS = 20
_MOST_BINS = 10


class MeanBets(Bets):
    """On "the mean of values in [0, 1] is above `null`".

    The mean is that of each value given those before it, so the values need not be independent.
    The gamblers are those of `fullturn.statistics.sequential`. Raises StatisticsInputError for
    a null outside (0, 1).
    """

    def __init__(self, null: float) -> None:
        if not 0.0 < null < 1.0:
            raise StatisticsInputError(
                f"null is {null}: it must lie strictly between 0 and 1, so that a mean can be "
                "above it; add a margin to the mean of the reference"
            )
        self.null = float(null)
        self.weights: Floats = np.array(FORTUNES) / sum(FORTUNES)

    def restart(self) -> None:
        """Its gamblers learn nothing: there is nothing to forget."""

    def factors(self, values: npt.ArrayLike) -> Floats:
        """1 + stake × (value / null - 1), shape (n, kinds).

        Raises StatisticsInputError for NaN or a value outside [0, 1].
        """
        gains = as_scores(values, "values") / self.null - 1
        factors: Floats = 1 + np.outer(gains, STAKES)
        return factors


@dataclass(frozen=True, slots=True)
class EstimatedLoss:
    """What loss to expect from a confidence, learned from labelled rows.

    Confidence-based performance estimation (CBPE; NannyML documentation): the mean loss of
    the reference rows that were about as confident. It is an estimate: it is right as long as
    a confidence means what it meant there, hence blind to a change of what is right.
    """

    edges: Floats
    """Confidences between two neighbouring bins, rising; shape (bins - 1,)."""
    losses: Floats
    """Mean loss of the reference rows in each bin, shape (bins,)."""
    mean: float
    """Mean loss of the reference."""

    @classmethod
    def learned(cls, confidences: npt.ArrayLike, losses: npt.ArrayLike) -> EstimatedLoss:
        """From reference rows, both of shape (m,); bins are quantiles of some 20 rows or more.

        Raises StatisticsInputError for losses outside [0, 1], or unequal lengths.
        """
        sure, lost = as_scores(confidences, "confidences", -np.inf, np.inf), as_scores(losses, "l")
        if sure.size != lost.size:
            raise StatisticsInputError(f"{sure.size} confidences and {lost.size} losses: pair them")
        bins = int(np.clip(sure.size // _BIN_ROWS, 1, _MOST_BINS))
        edges = np.unique(np.quantile(sure, np.arange(1, bins) / bins))
        places = edges.searchsorted(sure, side="right")
        counts = np.bincount(places, minlength=edges.size + 1)
        sums = np.bincount(places, weights=lost, minlength=edges.size + 1)
        filled = np.flatnonzero(counts)
        # A bin without rows, where many are equally confident, joins the one below it.
        return cls(edges[filled[1:] - 1], sums[filled] / counts[filled], float(lost.mean()))

    def of(self, confidences: npt.ArrayLike) -> Floats:
        """The estimated loss of each answer, in [0, 1]; shape (n,)."""
        found: Floats = self.losses[self.edges.searchsorted(np.asarray(confidences), side="right")]
        return found
