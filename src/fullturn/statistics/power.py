"""What a comparison of this size can show, said before its result is believed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics import normal
from fullturn.statistics.bootstrap import chance_below
from fullturn.statistics.groups import GroupTotals, standard_error
from fullturn.statistics.inputs import as_share
from fullturn.statistics.paired import difference_totals


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
    z = normal.quantile(as_share(power, "power"))

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
    z = -normal.quantile(as_share(alpha, "alpha"))
    worst_group = 1 / (groups + 1)
    error = max(standard_error, worst_group)
    skewed = z + (z * z - 1) / 3 * (worst_group / error) ** 3
    return normal.chance_below((margin - worst_group) / error - skewed)


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
