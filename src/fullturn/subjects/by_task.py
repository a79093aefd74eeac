"""Scores and loss of an app that declares none: by the task, which its label column says."""

from __future__ import annotations

from typing import Literal

from fullturn.core.entities import Contract, Example, Output, Scores
from fullturn.core.errors import AppError
from fullturn.core.values import as_label
from fullturn.core.wording import listed, shown
from fullturn.subjects.task_scores import label_scores, needed_scale, value_loss, value_scores

Task = Literal["classification", "regression"]


def task_of(contract: Contract) -> Task | None:
    """What the one label column asks for; None if there are several, or it is of another kind."""
    labels = [column for column in contract.columns if column.role == "label"]
    if len(labels) != 1 or labels[0].kind not in ("category", "boolean", "number"):
        return None
    return "regression" if labels[0].kind == "number" else "classification"


def scores(contract: Contract, row: Example, output: Output, scale: float | None) -> Scores:
    """As `subjects.task_scores` has them.

    Raises:
        AppError: the label column says no task, or the output has no label or number.
        SettingsError: regression, and there is no scale.
    """
    labels, task = contract.names("label"), task_of(contract)
    if task is None:
        raise AppError(
            "the app has no score(row, output), and its label columns, "
            f"{listed(list(labels)) or 'none'}, say no task: give it one"
        )
    expected = row.expected[labels[0]]
    if task == "regression":
        return value_scores(_with(output, row, "value"), expected, needed_scale(scale, "model"))
    label = as_label(_with(output, row, "label")["label"])
    return label_scores({**output, "label": label}, as_label(expected))


def loss(contract: Contract, row: Example, output: Output, scale: float | None) -> float | None:
    """Of a regression, the error ÷ scale; else None, as 1 minus the score is the loss."""
    if task_of(contract) != "regression":
        return None
    (label,) = contract.names("label")
    needed = needed_scale(scale, "model")
    return value_loss(_with(output, row, "value"), row.expected[label], needed)


def _with(output: Output, row: Example, name: str) -> Output:
    value = output.get(name)
    if value is None or (name == "value" and isinstance(value, bool | str)):
        raise AppError(
            f"the output of row '{row.id}' is {shown(output)}: without score(row, output), an app "
            f"returns its answer as '{name}'"
        )
    return output
