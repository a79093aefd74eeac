"""Labels that look wrong are named; none is changed or refused for it."""

from __future__ import annotations

import pytest

from fullturn.data.labels import level, notes
from fullturn.data.rows import stored
from tests.data.samples import QUESTIONS


def said(*rows: tuple[str, str], slice_rows: int = 20) -> list[str]:
    """Notes on rows of split and label."""
    content = [{"text": str(n), "split": s, "label": label} for n, (s, label) in enumerate(rows)]
    return list(notes(content, stored(QUESTIONS), slice_rows))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Billing", "billing"),
        ("re\u200bfund", "refund"),
        ("re\u00adfund", "refund"),
        ("card  lost", "card lost"),
        ("card\u00a0lost", "card lost"),
        ("card_lost", "Card-Lost"),
        ("1", "1.0"),
        ("True", "true"),
        ("true", "1"),
        ("\ufb01nal", "final"),
    ],
)
def test_labels_that_a_person_takes_for_one_are_named(one: str, other: str) -> None:
    assert level(one) == level(other)
    [note] = said(("train", one), ("train", one), ("train", other))
    assert note.startswith("labels of 'label' that may be one: ")
    assert "(2 rows)" in note and "(1 row)" in note


@pytest.mark.parametrize(("one", "other"), [("1", "10"), ("no", "false"), ("a", "b"), ("c", "c++")])
def test_different_labels_are_different(one: str, other: str) -> None:
    assert level(one) != level(other)


def test_a_label_that_training_lacks_is_named() -> None:
    rows = [("train", "a"), ("train", "b"), ("test", "a"), ("test", "c"), ("test", "c")]
    assert said(*rows) == [
        "label 'c' of 'label' is in 2 rows of test and in none of train: no model can learn it"
    ]


def test_classes_that_the_gate_cannot_check_are_named() -> None:
    rows = [("train", "a"), ("train", "b"), *[("test", "a")] * 30, *[("test", "b")] * 4]
    [note] = said(*rows)
    assert note.endswith("does not check one by one: 'b' (4)")
    assert said(*rows, slice_rows=4) == []


def test_reference_rows_have_no_labels() -> None:
    assert said(("reference", "A"), ("train", "a")) == []
