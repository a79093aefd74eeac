"""The metrics that a practitioner expects of rows, by what they answer."""

from __future__ import annotations

from numbers import Real
from typing import Literal

from fullturn.core.errors import StatisticsInputError
from fullturn.metrics.answers import expected_labels, label_column
from fullturn.metrics.metric import Metric, Rows, in_unit
from fullturn.metrics.registry import find

Task = Literal["classification", "regression", "ranking"]
TWO_LABELS = (
    "accuracy",
    "balanced_accuracy",
    "roc_auc",
    "average_precision",
    "log_loss",
    "calibration_error",
)
MORE_LABELS = ("accuracy", "balanced_accuracy", "f1", "log_loss", "calibration_error")
NUMBERS = ("mae", "rmse", "r2")
RANKINGS = ("ndcg(10)", "mrr")
USAGE = ("tokens", "cost")
USUAL = tuple(dict.fromkeys((*NUMBERS, *TWO_LABELS, *MORE_LABELS, *RANKINGS, *USAGE)))
"""Every one of them."""


def task_of(rows: Rows) -> Task | None:
    """What the rows answer; None if they have not one label column, or outputs of another kind."""
    try:
        column = label_column(rows)
    except StatisticsInputError:
        return None
    first = rows[0]
    if "ranking" in first.output:
        return "ranking"
    if "label" in first.output:
        return "classification"
    numbers = (first.output.get("value"), first.expected[column])
    if all(isinstance(one, Real) and not isinstance(one, bool) for one in numbers):
        return "regression"
    return None


def usual_metrics(rows: Rows, unit: str | None = None) -> tuple[Metric, ...]:
    """The metrics of the task that can be computed on these rows, the most usual first; `unit` is
    that of the label."""
    metrics = (in_unit(find(name), unit) for name in (*_names(rows), *_usage(rows)))
    return tuple(metric for metric in metrics if metric.applies(rows) is None)


def _names(rows: Rows) -> tuple[str, ...]:
    match task_of(rows):
        case "classification":
            return TWO_LABELS if len(set(expected_labels(rows))) == 2 else MORE_LABELS
        case "regression":
            return NUMBERS
        case "ranking":
            return RANKINGS
    return ()


def _usage(rows: Rows) -> tuple[str, ...]:
    """What the answers used, if a model was asked at all."""
    return USAGE if any(row.output.get("completion_tokens") for row in rows) else ()
