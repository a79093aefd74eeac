"""Scores of a row by task: of a label, a number, or a text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fullturn.core.entities import Output, Scores
from fullturn.core.errors import SettingsError


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
