"""Intervals for one mean or one proportion; the Bayesian bootstrap over groups behind them.

The Bayesian bootstrap (Rubin, Annals of Statistics 9, 1981) weighs the groups with independent
exponential variables. One more group of typical size, scoring the worst that is possible, makes
its quantile a confidence bound (Gaffke 2005; Learned-Miller and Thomas, arXiv 1905.06208, who
conjecture that it holds for every distribution). For yes/no values it is the interval of Clopper
and Pearson, hence the rule of three when nothing was seen to go wrong. It is wider than a t
interval, with or without Agresti-Min's pseudo-observations. In return it keeps its level when all
discordant rows point the same way and when a few groups hold most rows; theirs then is wrong up
to ten times as often as declared.

The distribution of the weighted sum is not simulated: Lugannani and Rice's saddlepoint
approximation, in Barndorff-Nielsen's form, errs by less than 3 % of the p-value around 0.01
(Butler, Saddlepoint Approximations with Applications, 2007, sections 1.2 and 4).

The normal distribution is the standard library's (Wichura's algorithm AS241, Applied Statistics
37, 1988, exact to a double's precision): SciPy's takes a tenth of a second to load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import (
    Floats,
    GroupTotals,
    as_groups,
    as_scores,
    as_share,
    group_totals,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds that contain the true value with probability `confidence`."""

    estimate: float
    low: float
    high: float
    confidence: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a proportion of independent trials (JASA 22, 1927).

    Raises StatisticsInputError unless 0 ≤ successes ≤ n and n ≥ 1.
    """
    share = as_share(confidence, "confidence")
    if not 0 <= successes <= n or n < 1:
        raise StatisticsInputError(f"{successes} successes in {n} trials: give 0 ≤ successes ≤ n")
    z = normal_quantile((1 + share) / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the bound is the estimate itself; rounding must not push it past.
    return Interval(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), share)


def cluster_mean(
    values: npt.ArrayLike, groups: npt.ArrayLike, confidence: float = 0.95
) -> Interval:
    """Mean over rows of scores in [0, 1], shape (rows,), where rows of a group are not independent.

    The bounds are those of `fullturn.statistics.intervals`: conservative, and of sensible width
    when all scores are equal. Raises StatisticsInputError for NaN, values outside [0, 1],
    unequal lengths, no rows, or fewer than two groups.
    """
    share = as_share(confidence, "confidence")
    scores = as_scores(values, "values")
    totals = group_totals(scores, as_groups(groups, scores.size))
    return Interval(totals.mean, *interval(totals, share, 0.0, 1.0), share)


def zero_hits_bound(n: int, confidence: float = 0.95) -> float:
    """Upper bound on a rate after `n` independent trials without a hit: 1 - (1-c)^(1/n).

    At 95 % a little below 3/n, the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983).
    Raises StatisticsInputError if n < 1.
    """
    share = as_share(confidence, "confidence")
    if n < 1:
        raise StatisticsInputError(f"{n} trials bound nothing: run at least one")
    return -math.expm1(math.log1p(-share) / n)


def chance_below(totals: GroupTotals, threshold: float, worst: float) -> float:
    """Chance that the reweighted row mean is at most `threshold`.

    As a p-value: of the hypothesis that the true mean is at most `threshold`, when no row can
    score less than `worst`.
    """
    return normal_cdf(_normal_score(_with_worst_group(totals, worst), threshold)[0])


def lower_bound(totals: GroupTotals, alpha: float, worst: float) -> float:
    """The largest threshold, not above the mean, that `chance_below` refutes at level `alpha`.

    Newton's method on the normal score, bounded by a shrinking bracket; exact to 1e-9.
    """
    extended, target = _with_worst_group(totals, worst), normal_quantile(alpha)
    low, high = worst, totals.mean
    middle = (low + high) / 2
    while high - low > 1e-9:
        score, slope = _normal_score(extended, middle)
        low, high = (low, middle) if score > target else (middle, high)
        step = (target - score) / slope
        if abs(step) < 1e-9:
            break
        middle += step
        if not low < middle < high:
            middle = (low + high) / 2
    return middle


def interval(
    totals: GroupTotals, confidence: float, low: float, high: float
) -> tuple[float, float]:
    """Two-sided bounds on the row mean of values in [low, high]."""
    alpha = (1 - confidence) / 2
    return lower_bound(totals, alpha, low), -lower_bound(totals.mirrored(), alpha, -high)


def _with_worst_group(totals: GroupTotals, worst: float) -> GroupTotals:
    size = totals.typical_size
    return GroupTotals(
        np.append(totals.sums, worst * size),
        np.append(totals.sizes, size),
        np.append(totals.counts, 1.0),
    )


def _normal_score(totals: GroupTotals, threshold: float) -> tuple[float, float]:
    """Normal quantile of P(Σ excess·E ≤ 0), and its slope in `threshold`; E are exponential."""
    excess = totals.sums - threshold * totals.sizes
    if excess.max() <= 0:
        return math.inf, math.inf
    if excess.min() >= 0:
        return -math.inf, math.inf
    s = _saddlepoint(excess, totals.counts)
    tilt = totals.counts / (1 - s * excess)
    tilted = excess / (1 - s * excess)
    spread = math.sqrt(float(totals.counts @ tilted**2))
    logs = float(totals.counts @ np.log1p(-s * excess))
    root = math.copysign(math.sqrt(max(0.0, 2 * logs)), s)
    slope = float(tilt @ totals.sizes) / spread
    if abs(root) < 1e-4:
        # The limit of the correction below, where both of its terms vanish.
        return root + float(totals.counts @ tilted**3) / (3 * spread**3), slope
    stretch = s * spread / root
    return root + math.log(stretch) / root, slope * stretch


def _saddlepoint(values: Floats, counts: Floats) -> float:
    """Root of K'(s) = Σ values / (1 - s·values): Newton's method, bounded by the two poles."""
    low, high, s = 1 / float(values.min()), 1 / float(values.max()), 0.0
    for _ in range(200):
        tilted = values / (1 - s * values)
        slope, curvature = float(counts @ tilted), float(counts @ tilted**2)
        if abs(slope) <= 1e-9 * math.sqrt(curvature):
            break
        low, high = (low, s) if slope > 0 else (s, high)
        s -= slope / curvature
        if not low < s < high:
            s = (low + high) / 2
    return s


_STANDARD = NormalDist()


def normal_quantile(probability: float) -> float:
    """The number that a standard normal variable is below with this probability, in [0, 1]."""
    if probability in (0.0, 1.0):
        return math.copysign(math.inf, probability - 0.5)
    return _STANDARD.inv_cdf(probability)


def normal_cdf(number: float) -> float:
    """The probability that a standard normal variable is below `number`."""
    return 0.5 * math.erfc(-number / math.sqrt(2))
