"""Two score columns of the same rows: how large is the difference, and which way?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.bootstrap import chance_below, interval
from fullturn.statistics.groups import GroupTotals, group_totals, standard_error
from fullturn.statistics.inputs import as_groups, as_pair, as_share


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus reference, mean over rows, in score points of [-1, 1]."""

    estimate: float
    low: float
    high: float
    standard_error: float
    """Clustered, never zero; for planning (see `fullturn.statistics.power`)."""
    rows: int
    groups: int
    discordant_groups: int
    """Groups with at least one row scored differently: all the evidence there is."""
    confidence: float


def paired_difference(
    candidate: npt.ArrayLike,
    reference: npt.ArrayLike,
    groups: npt.ArrayLike,
    confidence: float = 0.95,
) -> PairedDifference:
    """Difference of paired scores in [0, 1], each of shape (rows,), clustered by group.

    Paraphrases of one question form a group (Miller, arXiv 2411.00640). The bounds are those
    of `fullturn.statistics.bootstrap` and agree with both tests below. Raises
    StatisticsInputError for NaN, scores outside [0, 1], unequal lengths, no rows, or fewer than
    two groups.
    """
    share = as_share(confidence, "confidence")
    ours, theirs = as_pair(candidate, reference)
    codes = as_groups(groups, ours.size)
    totals = group_totals(ours - theirs, codes)
    low, high = interval(totals, share, -1.0, 1.0)
    return PairedDifference(
        estimate=totals.mean,
        low=low,
        high=high,
        standard_error=standard_error(totals),
        rows=ours.size,
        groups=int(totals.groups),
        discordant_groups=np.unique(codes[ours != theirs]).size,
        confidence=share,
    )


def non_inferiority_p(
    candidate: npt.ArrayLike, reference: npt.ArrayLike, groups: npt.ArrayLike, margin: float
) -> float:
    """p-value of "the candidate is worse by `margin` or more"; small means: not worse.

    `margin` is in score points, 0 ≤ margin ≤ 1; 0 tests superiority. Raises as
    `paired_difference` does.
    """
    totals = difference_totals(candidate, reference, groups)
    return chance_below(totals, -_as_margin(margin), -1.0)


def inferiority_p(
    candidate: npt.ArrayLike,
    reference: npt.ArrayLike,
    groups: npt.ArrayLike,
    margin: float = 0.0,
) -> float:
    """p-value of "the candidate is worse by at most `margin`"; small means: worse than that.

    Not 1 - `non_inferiority_p`: each bound is conservative on its own side. Raises as
    `non_inferiority_p` does.
    """
    totals = difference_totals(candidate, reference, groups).mirrored()
    return chance_below(totals, _as_margin(margin), -1.0)


def difference_totals(
    candidate: npt.ArrayLike, reference: npt.ArrayLike, groups: npt.ArrayLike
) -> GroupTotals:
    """Candidate minus reference added up per group; raises as `paired_difference` does."""
    ours, theirs = as_pair(candidate, reference)
    return group_totals(ours - theirs, as_groups(groups, ours.size))


def _as_margin(margin: float) -> float:
    if not 0.0 <= margin <= 1.0:
        raise StatisticsInputError(f"margin is {margin}: give score points from 0 to 1")
    return margin
