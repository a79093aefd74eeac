"""Two score columns of the same rows: how large the difference is, and what it can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import (
    GroupTotals,
    as_groups,
    as_pair,
    as_share,
    group_totals,
    standard_error,
)
from fullturn.statistics.intervals import chance_below, interval, normal_cdf, normal_quantile


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus reference, mean over rows, in score points of [-1, 1]."""

    estimate: float
    low: float
    high: float
    standard_error: float
    """Clustered, never zero; for planning (see `fullturn.statistics.paired`)."""
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
    of `fullturn.statistics.intervals` and agree with both tests below. Raises
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
        discordant_groups=int(np.count_nonzero(np.bincount(codes[ours != theirs]))),
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


def minimum_detectable_effect(
    candidate: npt.ArrayLike,
    reference: npt.ArrayLike,
    groups: npt.ArrayLike,
    alpha: float = 0.05,
    power: float = 0.8,
    *,
    two_sided: bool = True,
) -> float:
    """The smallest true loss, in score points, that is found significant with chance `power`.

    The loss is planted into the observed groups, as groups that go from right to wrong, on top
    of the discordance that is there already; the observed mean difference plays no part.
    1.0 if even a total failure could be missed. Raises StatisticsInputError as
    `paired_difference` does.
    """
    level = as_share(alpha, "alpha") / (2 if two_sided else 1)
    return detectable_loss(difference_totals(candidate, reference, groups), level, power)


def detectable_loss(totals: GroupTotals, level: float, power: float = 0.8) -> float:
    """The same for differences in [-1, 1] that are added up per group, one-sided at `level`."""
    z = normal_quantile(as_share(power, "power"))

    def found(effect: float) -> bool:
        # The loss still seen when chance is as kind to the candidate as 1 - power allows.
        seen = effect - z * standard_error(_planted(totals, effect))
        return 0 < seen <= 1 and chance_below(_planted(totals, seen).mirrored(), 0.0, -1.0) <= level

    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def pass_probability(
    margin: float, standard_error: float, groups: int, alpha: float = 0.05
) -> float:
    """Chance that an equally good candidate is shown non-inferior at `margin`.

    `standard_error` is a PairedDifference's, of this or an earlier comparison. Approximates
    `non_inferiority_p` by a normal distribution, with the term for its skewness (Cornish and
    Fisher, 1937). Raises StatisticsInputError for a margin or standard error that is not
    positive, or fewer than two groups.
    """
    if not (margin > 0 and standard_error > 0 and groups >= 2):
        raise StatisticsInputError(
            f"margin {margin}, standard error {standard_error} and {groups} groups: "
            "give positive numbers and at least 2 groups"
        )
    z = -normal_quantile(as_share(alpha, "alpha"))
    worst_group = 1 / (groups + 1)
    error = max(standard_error, worst_group)
    skewed = z + (z * z - 1) / 3 * (worst_group / error) ** 3
    return normal_cdf((margin - worst_group) / error - skewed)


def groups_needed(margin: float, alpha: float = 0.05) -> int:
    """Groups, all scored as the reference scores them, that show non-inferiority at `margin`.

    Equally large ones: the worst group that `non_inferiority_p` adds then weighs more than the
    margin with probability (1 - margin)^groups (the rule of three; Hanley and Lippman-Hand, JAMA
    249, 1983). Where some groups differ, more are needed. Raises StatisticsInputError unless both
    lie in (0, 1).
    """
    share = as_share(margin, "margin")
    return math.ceil(math.log(as_share(alpha, "alpha")) / math.log1p(-share))


def _planted(totals: GroupTotals, effect: float) -> GroupTotals:
    """A share `effect` of groups failing altogether, the rest as spread as observed, mean 0."""
    rest = totals.counts * (1 - effect) / 2
    return GroupTotals(
        sums=np.concatenate([totals.sums, -totals.sums, -totals.sizes]),
        sizes=np.tile(totals.sizes, 3),
        counts=np.concatenate([rest, rest, totals.counts * effect]),
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: those below α are false alarms with probability at most α together.

    Holm's step-down method (Scandinavian Journal of Statistics 6, 1979); needs no independence.
    Keys keep their order. Raises StatisticsInputError for a p-value outside [0, 1].
    """
    for name, p in p_values.items():
        if not 0.0 <= p <= 1.0:
            raise StatisticsInputError(f"p-value of '{name}' is {p}: it must lie in [0, 1]")
    adjusted, largest = dict[str, float](), 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
