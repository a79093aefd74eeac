from __future__ import annotations

import pytest

from fullturn.core.entities import Example
from fullturn.core.errors import DataError
from fullturn.subjects.baseline import Majority
from fullturn.subjects.protocols import Predictor


def rows(labels: str) -> list[Example]:
    return [Example(str(n), {}, {"label": one}, "", "train") for n, one in enumerate(labels)]


def test_it_answers_the_most_frequent_label_with_its_share() -> None:
    majority = Majority.of(rows("abbc"), "label")
    assert isinstance(majority, Predictor)
    assert majority.predict([{}, {"text": "anything"}]) == [{"label": "b", "confidence": 0.5}] * 2


def test_of_equally_frequent_labels_it_takes_the_first_in_the_alphabet() -> None:
    assert Majority.of(rows("cbbac"), "label").label == "b"


def test_it_needs_rows() -> None:
    with pytest.raises(DataError, match="most frequent 'label'"):
        Majority.of([], "label")
