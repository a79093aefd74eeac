"""What models answer, read as the task has it."""

import math
from typing import Any

import pytest

from fullturn.core.errors import AppError
from fullturn.subjects.mlflow_model.answers import Answers, as_label, read_answers
from fullturn.subjects.mlflow_model.reference import Reading

LABELS = Reading("classification", {})
NAMED = Reading("classification", {}, classes=("no", "yes"))
NUMBERS = Reading("regression", {})
SHARED = {"label": "yes", "confidence": 0.7, "probabilities": {"no": 0.3, "yes": 0.7}}


@pytest.mark.parametrize(
    ("given", "reading", "expected"),
    [
        ({"values": ["yes"]}, LABELS, {"label": "yes"}),
        ({"values": ["yes"], "classes": ["no", "yes"], "shares": [[0.3, 0.7]]}, LABELS, SHARED),
        ({"values": [[0.3, 0.7]], "classes": ["no", "yes"], "shares": [[0.3, 0.7]]}, LABELS,
         SHARED),
        ({"values": [1], "classes": [0, 1], "shares": [[0.3, 0.7]]}, LABELS,
         {"label": "1", "confidence": 0.7, "probabilities": {"0": 0.3, "1": 0.7}}),
        ({"values": [[0.3, 0.7]]}, NAMED, SHARED),
        ({"values": [0.7]}, NAMED, SHARED),
        ({"values": [{"label": "yes", "probabilities": {"no": 0.3, "yes": 0.7}}]}, LABELS, SHARED),
        ({"values": [{"label": "yes", "confidence": 0.7}]}, LABELS,
         {"label": "yes", "confidence": 0.7}),
        ({"values": [{"label": "yes"}]}, LABELS, {"label": "yes"}),
        ({"values": [3]}, NUMBERS, {"value": 3.0}),
        ({"values": [{"prediction": 3.5}]}, NUMBERS, {"value": 3.5}),
    ],
)  # fmt: skip
def test_an_answer_is_read(given: dict[str, Any], reading: Reading, expected: Any) -> None:
    assert read_answers(given, reading) == [expected]


@pytest.mark.parametrize(
    ("value", "reading", "said"),
    [
        (None, LABELS, "None instead of a label"),
        (math.nan, LABELS, "nan instead of a label"),
        ([0.1, 0.2, 0.7], LABELS, r"3 numbers for a row: name the labels .* \[model\] classes"),
        ({"score": 1}, LABELS, "without 'label'"),
        (math.nan, NUMBERS, "instead of a finite number"),
        ("three", NUMBERS, "instead of a finite number"),
        (True, NUMBERS, "instead of a finite number"),
        ([math.nan, 1.0], NAMED, "instead of a finite number"),
    ],
)
def test_an_answer_that_is_missing_or_unreadable_is_named(
    value: Any, reading: Reading, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_answers({"values": [value]}, reading)


def test_fewer_answers_than_rows_stay_fewer() -> None:
    """Whoever asked sees that rows are missing."""
    given = {"values": ["yes"], "classes": ["no", "yes"], "shares": [[0.3, 0.7], [0.3, 0.7]]}
    assert read_answers(given, LABELS) == [{"label": "yes"}]


@pytest.mark.parametrize(
    ("value", "label"), [(1.0, "1"), (1, "1"), (True, "true"), ("1.0", "1.0"), (1.5, "1.5")]
)
def test_a_label_is_spelled_as_in_the_data(value: Any, label: str) -> None:
    assert as_label(value) == label


class Missing:
    """A model that answers nothing. Test data."""

    def answer(self, rows: object) -> dict[str, Any]:
        return {"values": [math.nan]}


def test_an_error_names_the_model() -> None:
    with pytest.raises(AppError, match="models:/churn/3: predict"):
        Answers("models:/churn/3", Missing(), LABELS).predict([{"age": 3.0}])
