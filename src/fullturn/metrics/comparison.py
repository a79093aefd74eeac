"""How large is a metric, and how much better is one subject than another on the same rows?

Both kinds of metric are judged by the Bayesian bootstrap over groups, as in
`fullturn.statistics.intervals`. For a mean of bounded values nothing is added to it. A metric over
the set is first made linear by the influence of each row, which leaves an error of the order of
1 ÷ groups; its bootstrap distribution is then not simulated either.

One more group of typical size, scoring the worst that is possible, makes the bootstrap
conservative. In a metric over the set, such a group fails altogether among the rows that the metric
depends on (for recall, those of the label), or is as bad as the worst group that was observed, if
that is worse. Without it, percentile, BCa and studentised bootstraps pass a candidate
that is worse by the margin in up to 24 % of runs instead of 5 % (30 to 300 groups of unequal size,
see bench/metrics.py); with it in at most 4 %.

Two models that answer every row the same therefore have an interval too, 0 ± 3 ÷ rows of the rarer
label for ROC-AUC: one that loses the whole margin by ranking a share of these rows last, a share
equal to the margin, shows nothing in (1 - margin)^rows of the test sets (the rule of three; Hanley
and Lippman-Hand, JAMA 249, 1983). Only more rows can exclude it; paired DeLong and every bootstrap,
for which the difference is 0 ± 0, pass it (bench/gate_near.py). Of one model against itself, file
by file, nothing is estimated: see `fullturn.gates.quality`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import CachedRows
from fullturn.metrics.metric import FINITE, Direction, Metric, RowMetric, Rows
from fullturn.statistics import paired
from fullturn.statistics.inputs import (
    Floats,
    GroupTotals,
    as_groups,
    as_scores,
    as_share,
    group_totals,
    standard_error,
)
from fullturn.statistics.intervals import Interval, chance_below, lower_bound


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate against reference on the same rows; positive is better in every direction."""

    metric: str
    unit: str
    candidate: float
    """The metric itself, in its own direction; so is `reference`."""
    reference: float
    estimate: float
    low: float
    high: float
    confidence: float
    standard_error: float
    """Clustered, never zero; for planning."""
    rows: int
    groups: int
    discordant_groups: int
    """Groups in which the two differ: all the evidence there is."""
    totals: GroupTotals = field(repr=False)
    reach: tuple[float, float] = field(repr=False)
    """Lowest and highest value of a row of the group that is added."""
    direction: Direction = "higher"
    """Which values of the metric itself are better; of a difference, higher ones always are."""
    bias: tuple[float, float] = (0.0, 0.0)
    """How much the estimate may be too high, and too low, on average (`Metric.bias`)."""

    def p_not_worse(self, margin: float = 0.0) -> float:
        """p-value of "worse by `margin` or more"; small means: not worse. 0 tests superiority."""
        return chance_below(self.totals, self.bias[0] - _as_margin(margin), self.reach[0])

    def p_worse(self, margin: float = 0.0) -> float:
        """p-value of "worse by at most `margin`"; small means: worse than that."""
        level = _as_margin(margin) + self.bias[1]
        return chance_below(self.totals.mirrored(), level, -self.reach[1])

    def detectable(self, alpha: float = 0.05, power: float = 0.8) -> float:
        """The smallest true loss that is detected with this power, two-sided."""
        scaled, unit = self._scaled()
        return unit * paired.detectable_loss(scaled, alpha / 2, power) + self.bias[1]

    def pass_probability(self, margin: float, alpha: float) -> float:
        """Probability that an equally good candidate is shown to be non-inferior at `margin`."""
        unit = self._scaled()[1]
        error, left = self.standard_error / unit, max(margin - self.bias[0], 1e-9 * margin)
        return paired.pass_probability(left / unit, error, self.groups, alpha)

    def groups_needed(self, margin: float, alpha: float) -> int:
        """Groups needed to show non-inferiority at `margin`, if all are answered alike."""
        share = margin / self._scaled()[1]
        return paired.groups_needed(share, alpha) if share < 1 else 2

    def _scaled(self) -> tuple[GroupTotals, float]:
        """The totals in units in which a row loses 1 at most, and that unit."""
        unit = (self.reach[1] - self.reach[0]) / 2
        totals = self.totals
        return GroupTotals(totals.sums / unit, totals.sizes, totals.counts), unit


def level(metric: Metric, rows: Rows, confidence: float = 0.95) -> Interval:
    """The metric on these rows, with an interval, in its own unit and direction.

    Raises:
        StatisticsInputError: the metric cannot be computed on these rows, or there are fewer
            than two groups.
    """
    return levels(metric, rows, confidence)[0]


def levels(metric: Metric, rows: Rows, *confidences: float) -> tuple[Interval, ...]:
    """The same with an interval of each confidence. Raises as `level` does."""
    shares = [as_share(one, "confidence") for one in confidences]
    rows = CachedRows.of(rows)
    values = _contributions(metric, rows)
    codes = as_groups([row.group for row in rows], values.size)
    _estimate(metric, rows, values)
    totals, (floor, ceiling) = group_totals(values, codes), metric.bounds
    worst, best = _level_reach(metric, rows, totals)
    bias, found = metric.bias(rows), []
    for share in shares:
        alpha = (1 - share) / 2
        low = max(floor, lower_bound(totals, alpha, worst) - bias)
        high = min(ceiling, -lower_bound(totals.mirrored(), alpha, -best))
        found.append(Interval(totals.mean, low, high, share))
    return tuple(found)


def difference(
    metric: Metric, candidate: Rows, reference: Rows, confidence: float = 0.95
) -> Difference:
    """How much better the candidate is than the reference, on the rows that both have.

    Raises:
        StatisticsInputError: the metric cannot be computed on these rows, or they have fewer
            than two groups in common.
    """
    share = as_share(confidence, "confidence")
    ours, theirs = map(CachedRows.of, paired_rows(candidate, reference))
    if not ours:
        raise StatisticsInputError("candidate and reference have no row in common")
    codes = as_groups([row.group for row in ours], len(ours))
    a, b = (_contributions(metric, rows) for rows in (ours, theirs))
    totals = group_totals(a - b if metric.direction == "higher" else b - a, codes)
    levels = [_estimate(metric, *of) for of in ((ours, a), (theirs, b))]
    unit, reach = _difference_reach(metric, (ours, theirs), (a, b), totals)
    bias = metric.bias(ours), metric.bias(theirs)
    high_by, low_by = bias if metric.direction == "higher" else bias[::-1]
    alpha = (1 - share) / 2
    return Difference(
        metric=metric.name,
        unit=metric.unit,
        candidate=levels[0],
        reference=levels[1],
        estimate=totals.mean,
        low=lower_bound(totals, alpha, reach[0]) - high_by,
        high=-lower_bound(totals.mirrored(), alpha, -reach[1]) + low_by,
        confidence=share,
        standard_error=standard_error(totals, unit),
        rows=len(ours),
        groups=int(totals.groups),
        discordant_groups=int(np.count_nonzero(np.bincount(codes[a != b]))),
        totals=totals,
        reach=reach,
        direction=metric.direction,
        bias=(high_by, low_by),
    )


def paired_rows(candidate: Rows, reference: Rows) -> tuple[Rows, Rows]:
    """The rows that both have, by id, in the candidate's order."""
    if len(candidate) == len(reference) and all(
        ours.id == theirs.id for ours, theirs in zip(candidate, reference, strict=True)
    ):
        return candidate, reference
    theirs = {row.id: row for row in reference}
    ours = [row for row in candidate if row.id in theirs]
    return ours, [theirs[row.id] for row in ours]


def _contributions(metric: Metric, rows: Rows) -> Floats:
    with np.errstate(all="ignore"):
        return as_scores(metric.contributions(rows), metric.name, *FINITE)


def _estimate(metric: Metric, rows: Rows, contributions: Floats) -> float:
    found, mean = metric.estimate(rows), float(contributions.mean())
    if not math.isclose(found, mean, rel_tol=1e-6, abs_tol=1e-9):
        raise StatisticsInputError(
            f"the contributions to {metric.name} have the mean {mean:g}, but its estimate is "
            f"{found:g}: they must be equal"
        )
    return found


def _level_reach(metric: Metric, rows: Rows, totals: GroupTotals) -> tuple[float, float]:
    """Lowest and highest value of a row of the group that is added to a single metric."""
    if _is_bounded_mean(metric):
        return metric.bounds
    share = _share_of_a_group(metric, rows, totals)
    observed, scale, (floor, ceiling) = _worst_observed(totals), metric.scale(rows), metric.bounds
    width = ceiling - floor
    down = scale * ((totals.mean - floor) / width if math.isfinite(width) else 1.0)
    up = scale * ((ceiling - totals.mean) / width if math.isfinite(width) else 1.0)
    return totals.mean - max(observed, share * down), totals.mean + max(observed, share * up)


def _difference_reach(
    metric: Metric, rows: tuple[Rows, Rows], values: tuple[Floats, Floats], totals: GroupTotals
) -> tuple[float, tuple[float, float]]:
    """The most that a row of the added group can lose, and the lowest and highest difference."""
    if _is_bounded_mean(metric):
        width = metric.bounds[1] - metric.bounds[0]
        return width, (-width, width)
    lost = max(metric.scale(part) * _share_of_a_group(metric, part, totals) for part in rows)
    unit = max(_worst_observed(totals), lost)
    if not unit:
        # Nothing differs and the metric knows no scale: as bad as the worst row of either.
        unit = max(float(np.ptp(part)) for part in values)
    if not unit:
        raise StatisticsInputError(
            f"{metric.name} is {values[0][0]:g} in every row of both, and has neither bounds nor a "
            "scale(): nothing says how large a difference could be"
        )
    return unit, (totals.mean - unit, totals.mean + unit)


def _is_bounded_mean(metric: Metric) -> bool:
    return isinstance(metric, RowMetric) and math.isfinite(metric.bounds[1] - metric.bounds[0])


def _share_of_a_group(metric: Metric, rows: Rows, totals: GroupTotals) -> float:
    """What share of the support a typical group of it is, in rows of a typical group of all."""
    support = metric.support(rows)
    codes = as_groups([row.group for row in rows], len(rows))
    sizes = np.bincount(codes[support])
    typical = float(sizes @ sizes) / float(sizes.sum())
    return typical / float(sizes.sum()) * totals.rows / totals.typical_size


def _worst_observed(totals: GroupTotals) -> float:
    """Largest deviation of a group from the mean, per row of a group of typical size."""
    residuals = totals.sums - totals.mean * totals.sizes
    return float(np.abs(residuals).max()) / totals.typical_size


def _as_margin(margin: float) -> float:
    if not (margin >= 0 and math.isfinite(margin)):
        raise StatisticsInputError(f"margin is {margin}: give a number from 0 upward")
    return margin
