"""What a gate report shows besides its checks: usual metrics, and where the candidate errs.

Nothing here is judged: the metrics of the task in their own unit, the confusion matrix and the
calibration of a classifier, the residuals of a regression, and the share of clipped losses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fullturn.core.entities import Evaluation
from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import GateSettings
from fullturn.core.wording import MEANINGS
from fullturn.gates.check import Evidence
from fullturn.gates.judged import judged_metrics
from fullturn.metrics import Metric, level
from fullturn.metrics.answers import (
    CachedRows,
    confidences,
    expected_labels,
    expected_values,
    predicted_labels,
    predicted_values,
)
from fullturn.metrics.by_task import task_of, usual_metrics
from fullturn.metrics.metric import MeanScore, Rows
from fullturn.metrics.probabilistic import BINS, bins
from fullturn.statistics.inputs import Floats
from fullturn.statistics.intervals import wilson

MATRIX = 12
"""Labels in a confusion matrix, at most; of more, the most confused pairs are shown."""
PAIRS = 15
POINTS = 400
"""Residuals that are drawn, at most."""
FIFTHS = 5


def summary(evidence: Evidence, limits: GateSettings) -> dict[str, Any]:
    """Figures as JSON has them; empty where there is nothing to show.

    `metrics` has a record for each usual metric, and then for each score: name, unit, direction,
    whether the gate judges it, and for each of candidate, champion and baseline its estimate with
    an interval.
    """
    candidate = evidence.candidate
    if candidate is None or not candidate.rows:
        return {}
    rows = CachedRows.of(candidate.rows)
    found: dict[str, Any] = {}
    metrics = _metrics(evidence, rows, limits)
    if metrics:
        found["metrics"] = metrics
    try:
        match task_of(rows):
            case "classification":
                found["confusion"] = confusion(rows)
                found["calibration"] = calibration(rows)
            case "regression":
                unit = {"unit": evidence.unit} if evidence.unit else {}
                found["residuals"] = residuals(rows) | unit
    except StatisticsInputError:  # an output without a label, or without its probability
        pass
    if meanings := {name: MEANINGS[name] for name in candidate.metrics if name in MEANINGS}:
        found["meanings"] = meanings
    sides = {"candidate": candidate, "champion": evidence.champion}
    clipped = {name: one.clipped for name, one in sides.items() if one is not None}
    if any(clipped.values()):
        found["clipped"] = {name: share for name, share in clipped.items() if share is not None}
    return found


def confusion(rows: Rows) -> dict[str, Any]:
    """Counts by expected (first) and predicted label; of many labels, the most confused pairs."""
    both = Counter(zip(expected_labels(rows), predicted_labels(rows), strict=True))
    expected = Counter[str]()
    for (label, _), count in both.items():
        expected[label] += count
    labels = sorted({label for pair in both for label in pair})
    wrong = sorted(
        ((count, pair) for pair, count in both.items() if pair[0] != pair[1]),
        key=lambda one: (-one[0], one[1]),
    )
    lowest = sorted(expected, key=lambda one: (both[one, one] / expected[one], one))
    found: dict[str, Any] = {
        "labels": len(labels),
        "pairs": [[*pair, count, expected[pair[0]]] for count, pair in wrong[:PAIRS]],
        "lowest_recall": [[one, both[one, one], expected[one]] for one in lowest[:FIFTHS]],
    }
    if len(labels) <= MATRIX:
        counts = [[both[one, other] for other in labels] for one in labels]
        found["matrix"] = {"labels": labels, "counts": counts}
    return found


def calibration(rows: Rows) -> dict[str, Any]:
    """For each bin of confidence that has rows: their number, mean confidence, share of right
    answers with its 95 % interval (Wilson; rows count as independent)."""
    sure = confidences(rows)
    right = np.array(expected_labels(rows)) == np.array(predicted_labels(rows))
    place, found = bins(sure), list[dict[str, float]]()
    for number in range(BINS):
        inside = place == number
        count = int(inside.sum())
        if count:
            correct = int(right[inside].sum())
            interval = wilson(correct, count)
            found.append(
                {
                    "low": number / BINS,
                    "high": (number + 1) / BINS,
                    "rows": count,
                    "confidence": float(sure[inside].mean()),
                    "right": correct / count,
                    "right_low": interval.low,
                    "right_high": interval.high,
                }
            )
    return {"bins": found, "rows": len(rows)}


def residuals(rows: Rows) -> dict[str, Any]:
    """Expected minus predicted: points over the predicted value, and by fifths of it."""
    predicted = predicted_values(rows)
    left = expected_values(rows) - predicted
    order = np.argsort(predicted, kind="stable")
    shown = np.unique(np.linspace(0, len(rows) - 1, min(POINTS, len(rows))).astype(int))
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    return {
        "points": np.column_stack([predicted, left])[order[shown]].tolist(),
        "rows": len(rows),
        "quantiles": dict(zip(map(str, levels), np.quantile(left, levels).tolist(), strict=True)),
        "fifths": [
            _fifth(predicted[part], left[part])
            for part in np.array_split(order, min(FIFTHS, len(rows)))
        ],
    }


def _fifth(predicted: Floats, left: Floats) -> dict[str, float]:
    return {
        "from": float(predicted.min()),
        "to": float(predicted.max()),
        "rows": int(left.size),
        "mean": float(left.mean()),
        "mae": float(np.abs(left).mean()),
    }


def _metrics(
    evidence: Evidence, candidate: CachedRows, limits: GateSettings
) -> list[dict[str, Any]]:
    assert evidence.candidate is not None
    try:
        judged = {one.name: one for one in judged_metrics(evidence.candidate, evidence)}
    except StatisticsInputError:
        judged = {}
    named = {one.name: one for one in evidence.metrics}
    shown = {**{one.name: one for one in usual_metrics(candidate, evidence.unit)}, **named}
    scores = evidence.candidate.metrics if shown else ()
    shown |= {name: MeanScore(name) for name in scores if name not in shown}
    sides: dict[str, Rows] = {"candidate": candidate}
    for name in ("champion", "baseline"):
        other: Evaluation | None = getattr(evidence, name)
        if other is not None and other.rows:
            sides[name] = CachedRows.of(other.rows)
    return [
        {
            "name": metric.name,
            "unit": metric.unit,
            "direction": metric.direction,
            "judged": metric.name in judged,
            **_levels(metric, sides, limits),
        }
        for metric in shown.values()
        if metric.applies(candidate) is None
    ]


def _levels(
    metric: Metric, sides: Mapping[str, Rows], limits: GateSettings
) -> dict[str, Sequence[float]]:
    """Estimate, low and high of each side on which it can be computed."""
    found: dict[str, Sequence[float]] = {}
    for name, rows in sides.items():
        try:
            one = level(metric, rows, 1 - 2 * limits.alpha)
        except StatisticsInputError:
            continue
        found[name] = [one.estimate, one.low, one.high]
    return found
