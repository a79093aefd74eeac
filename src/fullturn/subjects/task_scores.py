"""Scores and loss of a row by task, which the label column says: of a label, a number, a text."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from fullturn.core.entities import Contract, Example, Output, Scores
from fullturn.core.errors import AppError, SettingsError
from fullturn.core.values import as_label
from fullturn.core.wording import listed, shown

Task = Literal["classification", "regression"]


def label_scores(output: Output, expected: Any) -> Scores:
    """Scores of a classification, in [0, 1].

    accuracy     1 for the right label, else 0
    calibration  1 - (confidence - accuracy)², where there are probabilities
    """
    accuracy = float(output["label"] == expected)
    if "confidence" not in output:
        return {"accuracy": accuracy}
    return {"accuracy": accuracy, "calibration": 1 - (output["confidence"] - accuracy) ** 2}


def value_scores(output: Output, expected: Any, scale: float) -> Scores:
    """The score of a regression: closeness, 1 - absolute error ÷ scale, at least 0."""
    return {"closeness": max(0.0, 1 - value_loss(output, expected, scale))}


def value_loss(output: Output, expected: Any, scale: float) -> float:
    """The loss of a regression: absolute error ÷ scale; where it is above 1, it is clipped."""
    return abs(float(output["value"]) - float(expected)) / scale


def text_scores(output: Output, expected: Any) -> Scores:
    """Scores of a text against the expected one, but for case and spacing, in [0, 1].

    token_f1     F1 of the words that both have (Rajpurkar et al., SQuAD, 2016, without its removal
                 of articles and punctuation)
    exact_match  1 for the same text, else 0
    """
    found, wanted = (str(text).casefold().split() for text in (output["text"], expected))
    shared = sum((Counter(found) & Counter(wanted)).values())
    total = len(found) + len(wanted)
    return {
        "token_f1": 2 * shared / total if total else 1.0,
        "exact_match": float(found == wanted),
    }


def needed_scale(scale: float | None, section: str) -> float:
    """The scale of a regression.

    Raises:
        SettingsError: it is not set.
    """
    if scale is None:
        raise SettingsError(
            f"[{section}] scale is not set in fullturn.toml: for regression, name the error from "
            "which an answer is worth nothing, in the label's unit"
        )
    return scale


def task_of(contract: Contract) -> Task | None:
    """What the one label column asks for; None if there are several, or it is of another kind."""
    labels = [column for column in contract.columns if column.role == "label"]
    if len(labels) != 1 or labels[0].kind not in ("category", "boolean", "number"):
        return None
    return "regression" if labels[0].kind == "number" else "classification"


def scores(contract: Contract, row: Example, output: Output, scale: float | None) -> Scores:
    """Those of an app that declares none.

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
