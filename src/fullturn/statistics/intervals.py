"""Intervals for one mean or one proportion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics import normal
from fullturn.statistics.bootstrap import interval
from fullturn.statistics.groups import group_totals
from fullturn.statistics.inputs import as_groups, as_scores, as_share


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds that hold the true value with probability `confidence`."""

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
    z = normal.quantile((1 + share) / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the bound is the estimate itself; rounding must not push it past.
    return Interval(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), share)


def cluster_mean(
    values: npt.ArrayLike, groups: npt.ArrayLike, confidence: float = 0.95
) -> Interval:
    """Mean over rows of scores in [0, 1], shape (rows,), where rows of a group are not independent.

    The bounds are those of `fullturn.statistics.bootstrap`: conservative, and of sensible width
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
