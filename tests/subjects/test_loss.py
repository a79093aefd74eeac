"""The loss of a row: declared by the app, or by the task, or 1 minus the primary score."""

from __future__ import annotations

from typing import Any

import pytest

from fullturn.core.entities import Column, Contract, Example, Output, Scores
from fullturn.core.errors import AppError, SettingsError
from fullturn.evaluation.scoring import evaluate
from fullturn.subjects.scores import declared_loss
from fullturn.subjects.subject import Subject
from tests.gates.candidates import DATA


def contract(kind: Any = "number", labels: int = 1) -> Contract:
    names = [f"y{n}" if n else "y" for n in range(labels)]
    return Contract(
        (Column("x", "number"), *(Column(name, kind, "label") for name in names)), ("x",)
    )


class Without:
    """An app without scores: its label column says the task."""

    def __init__(self, kind: Any = "number", labels: int = 1) -> None:
        self.contract = contract(kind, labels)


class Declared(Without):
    """An app with scores and a loss of its own."""

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self._loss = loss

    def score(self, row: Example, output: Output) -> Scores:
        return {"near": 0.75}

    def loss(self, row: Example, output: Output) -> Any:
        if isinstance(self._loss, Exception):
            raise self._loss
        return self._loss


def subject(app: Any, scale: float | None = None) -> Subject:
    return Subject(app, "own", scale=scale)


def row(expected: Any) -> Example:
    return Example("row-1", {"x": 1.0}, {"y": expected}, "g", "test")


def test_regression_has_the_error_as_a_share_of_the_declared_scale() -> None:
    app = subject(Without(), scale=4.0)
    assert app.loss(row(10.0), {"value": 11.0}) == 0.25
    assert app.score(row(10.0), {"value": 11.0}) == {"closeness": 0.75}
    assert app.loss(row(10.0), {"value": 20.0}) == 2.5
    assert app.score(row(10.0), {"value": 20.0}) == {"closeness": 0.0}


@pytest.mark.parametrize(
    ("kind", "expected", "output", "correct"),
    [
        ("category", "a", "a", 1.0),
        ("category", "a", "b", 0.0),
        ("category", "1", 1.0, 1.0),
        ("boolean", "true", True, 1.0),
    ],
)
def test_classification_has_right_or_wrong(
    kind: str, expected: Any, output: Any, correct: float
) -> None:
    app = subject(Without(kind))
    assert app.score(row(expected), {"label": output}) == {"accuracy": correct}
    assert app.loss(row(expected), {"label": output}) is None


def test_what_says_no_task_needs_a_score_of_its_own() -> None:
    with pytest.raises(AppError, match=r"no score\(row, output\), and its label columns, y, y1"):
        subject(Without("category", labels=2)).score(row("a"), {"label": "a"})
    with pytest.raises(SettingsError, match=r"\[model\] scale is not set"):
        subject(Without()).score(row(1.0), {"value": 1.0})
    with pytest.raises(AppError, match="returns its answer as 'value'"):
        subject(Without(), 1.0).score(row(1.0), {"label": "a"})


def test_a_larger_loss_counts_as_one_and_the_share_of_such_is_known() -> None:
    class Twice:
        def predict(self, rows: Any) -> list[dict[str, float]]:
            return [{"value": 2 * row["x"]} for row in rows]

    examples = [
        Example(str(n), {"x": float(n)}, {"y": float(n)}, str(n), "test") for n in range(10)
    ]
    found = evaluate(subject(Without(), scale=4.0), Twice(), examples, "ours", DATA)
    assert [one.loss for one in found.rows[:3]] == [0.0, 0.25, 0.5]
    assert [one.bounded_loss for one in found.rows[4:6]] == [1.0, 1.0]
    assert found.clipped == 0.5
    plain = evaluate(subject(Declared(None)), Twice(), examples, "ours", DATA)
    assert {one.bounded_loss for one in plain.rows} == {0.25}
    assert plain.clipped is None


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (-0.1, "loss\\(\\) gave -0.1 for row 'row-1': return a number from 0"),
        (float("nan"), "gave nan for row 'row-1'"),
        ("much", "gave 'much' for row 'row-1'"),
        (KeyError("y"), "raised KeyError\\('y'\\) on row 'row-1'"),
    ],
)
def test_a_loss_that_is_no_number_from_zero_is_refused(loss: Any, message: str) -> None:
    with pytest.raises(AppError, match=message):
        declared_loss(Declared(loss), row(1.0), {})
