"""Which metrics a gate judges, at which margins, and how it writes what it found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Evaluation
from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import GateSettings
from fullturn.gates.check import Evidence
from fullturn.metrics import Difference, Metric, difference
from fullturn.metrics.metric import SHARE, MeanScore, Rows, number, signed, suffix
from fullturn.statistics.intervals import Interval


def judged_metrics(evaluation: Evaluation, evidence: Evidence) -> list[Metric]:
    """The scores of an evaluation, then the metrics that settings name; the primary one first.

    Raises:
        StatisticsInputError: no row was answered, or there is nothing to judge it by.
    """
    if not evaluation.rows:
        raise StatisticsInputError(f"no row of '{evaluation.subject}' was answered")
    scores = evaluation.metrics
    named = (one for one in evidence.metrics if one.name not in scores)
    metrics = [*map(MeanScore, scores), *named]
    if not metrics:
        raise StatisticsInputError("the app gives no score: name a metric in [gates] metrics")
    return sorted(metrics, key=lambda one: one.name != evidence.primary)


def primary_metric(evaluation: Evaluation, evidence: Evidence) -> Metric:
    """The first of them."""
    return judged_metrics(evaluation, evidence)[0]


def margin_of(metric: Metric, limits: GateSettings) -> float | None:
    """Its own margin in the settings, its default, or that of all shares; None if it has none."""
    if metric.name in limits.margins:
        return limits.margins[metric.name]
    if metric.margin is not None:
        return metric.margin
    return limits.margin if is_share(metric) else None


def is_share(metric: Metric) -> bool:
    """Whether limits in score points apply to it."""
    return metric.bounds == (0.0, 1.0)


def points(metric: Metric, rows: Rows) -> float:
    """What a limit in score points is multiplied by: 1 for shares, the scale of other metrics."""
    low, high = metric.bounds
    return high - low if math.isfinite(high - low) else metric.scale(rows)


def difference_at(
    alpha: float, metric: Metric, candidate: Evaluation, reference: Evaluation
) -> Difference:
    """The difference, with the interval that agrees with one-sided tests at `alpha`."""
    return difference(metric, candidate.rows, reference.rows, 1 - 2 * alpha)


@dataclass(frozen=True, slots=True)
class Judged:
    """Differences by metric with their margins, and why others are not among them."""

    found: Mapping[str, Difference]
    margins: Mapping[str, float]
    unknown: Mapping[str, str]


def compared(
    metrics: Iterable[Metric], candidate: Evaluation, champion: Evaluation, limits: GateSettings
) -> Judged:
    """Every metric on the rows that both have.

    Raises:
        StatisticsInputError: one of the app's own scores cannot be compared.
    """
    found, margins, unknown = dict[str, Difference](), dict[str, float](), dict[str, str]()
    for metric in metrics:
        try:
            one = difference_at(limits.alpha, metric, candidate, champion)
        except StatisticsInputError as error:
            if isinstance(metric, MeanScore):
                raise
            unknown[metric.name] = str(error)
            continue
        margin = margin_of(metric, limits)
        if margin is None:
            unknown[metric.name] = (
                f"{shown(one)}, but it has no margin: set [gates] margins = "
                f'{{ "{metric.name}" = … }}, in {metric.unit}'
            )
            continue
        found[metric.name], margins[metric.name] = one, margin
    return Judged(found, margins, unknown)


def interval_figures(one: Difference) -> dict[str, Any]:
    """What the report draws; the unit if it is not a share."""
    figures: dict[str, Any] = {
        "estimate": one.estimate,
        "low": one.low,
        "high": one.high,
        "confidence": one.confidence,
    }
    return figures if one.unit == SHARE else {**figures, "unit": one.unit}


def level_figures(one: Difference) -> dict[str, float]:
    """The metric itself, of both."""
    return {"candidate": one.candidate, "reference": one.reference}


def compared_with(one: Difference, metric: Metric, reference: str) -> str:
    """A gain in words: of an error, whether it is lower or higher than that of the reference."""
    if metric.direction == "higher":
        return f"{metric.name} {shown(one)} against {reference}"
    sign, side = (1, "lower") if one.estimate >= 0 else (-1, "higher")
    low, high = sorted((sign * one.low, sign * one.high))
    interval = f"[{number(low, one.unit)}, {number(high, one.unit)}]"
    size = number(abs(one.estimate), one.unit)
    return f"{metric.name} {side} by {size} {interval}{suffix(one.unit)} than that of {reference}"


def shown(one: Difference) -> str:
    """A difference with its interval; what a sign means is said where lower values are better."""
    estimate, low, high = (signed(value, one.unit) for value in (one.estimate, one.low, one.high))
    sign = " (+ is better)" if one.direction == "lower" else ""
    return f"{estimate} [{low}, {high}]{suffix(one.unit)}{sign}"


def shown_level(level: Interval, unit: str = SHARE) -> str:
    """A level with its interval."""
    estimate, low, high = (number(value, unit) for value in (level.estimate, level.low, level.high))
    return f"{estimate} [{low}, {high}]{suffix(unit)}"
