"""What rows cannot say, a metric says in words."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fullturn.core.entities import ScoredRow
from fullturn.metrics import find
from tests.metrics.rows import labelled, row, scored, valued

TWO = [row(0, {"a": "x", "b": "y"}, {"label": "x"}), row(1, {"a": "x", "b": "y"}, {"label": "x"})]
SURE = [{"label": "a", "confidence": 0.5}, {"label": "b", "confidence": 0.5}]


def shares(*given: Any) -> list[ScoredRow]:
    return [
        row(n, {"kind": kind}, {"label": kind, "probabilities": one})
        for n, (kind, one) in enumerate(zip("ab", given, strict=True))
    ]


REASONS: dict[str, tuple[str, list[ScoredRow], str]] = {
    "no row": ("f1", [], "no row was answered"),
    "stored by 0.1": ("f1", scored([1.0], ["a"]), "'row-0' is stored without its expected label"),
    "two label columns": ("accuracy", TWO, "2 label columns, a, b"),
    "no label in the output": ("accuracy", [row(0, {"a": "x"}, {"text": "x"})], "has no 'label'"),
    "a label nobody has": ("f1(eggs)", labelled("ab", "ab"), "no row is expected to be 'eggs'"),
    "never predicted": ("precision", labelled("ab", "aa"), "'b' was never predicted"),
    "one class": ("roc_auc", labelled("aa", "aa", [{"a": 1.0}] * 2), "nothing to rank"),
    "a class nobody has": ("roc_auc(z)", labelled("ab", "ab"), "no row is expected to be 'z'"),
    "no probabilities": ("roc_auc", labelled("ab", "ab"), "neither 'probabilities' nor"),
    "three labels, one confidence": (
        "brier",
        [row(n, {"kind": "c"}, output) for n, output in enumerate(SURE)],
        "there are 3 labels",
    ),
    "a label without a share": ("log_loss", shares({"a": 1.0, "b": 0.0}, {"a": 1.0}), "lack 'b'"),
    "a share of 2": ("roc_auc", shares({"a": 2.0, "b": 0.0}, {"a": 1.0, "b": 0.0}), "contain 2"),
    "shares as a list": ("roc_auc", shares([1.0], [0.0]), "give a mapping"),
    "a share that is none": ("roc_auc", shares({"b": "much"}, {"b": 0.1}), "not a finite number"),
    "a value that is a text": ("rmse", labelled("ab", "ab"), "value of row 'row-0' is 'a'"),
    "a value that is none": (
        "mae",
        valued([1.0], [math.nan]),
        "predicted value of row 'row-0'",
    ),
    "a value that is a flag": ("mae", valued([1.0], [True]), "True, not a finite number"),
    "no variance": ("r2", valued([1.0, 1.0], [1.0, 2.0]), "no variance to explain"),
}


@pytest.mark.parametrize(("name", "rows", "reason"), REASONS.values(), ids=REASONS)
def test_a_metric_says_why_it_does_not_apply(name: str, rows: list[ScoredRow], reason: str) -> None:
    assert reason in (find(name).applies(rows) or "")


def test_a_metric_applies_where_rows_say_enough() -> None:
    assert find("f1").applies(labelled("ab", "aa")) is None
    assert find("rmse").applies(valued([1.0], [2.0])) is None


def test_numbers_and_flags_are_labels_too() -> None:
    rows = [row(0, {"y": 1.0}, {"label": 1}), row(1, {"y": "false"}, {"label": False})]
    assert find("accuracy").estimate(rows) == 1.0
    named = [row(0, {"y": 1.0}, {"y": 1}), row(1, {"y": 2.5}, {"y": 3})]
    assert find("accuracy").estimate(named) == 0.5
    assert find("mae").estimate(named) == 0.25
