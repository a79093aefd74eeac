"""Which columns are watched, and what becomes of their cells."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fullturn.core.entities import Column, Contract, ScoredRow
from fullturn.monitoring.columns import READ, Kind, watched
from fullturn.monitoring.examples import distinctive


def kinds(*outputs: Any) -> list[Kind]:
    """The kinds in which a column `x` of these outputs is watched."""
    rows = [
        ScoredRow(str(n), str(n), {}, {}, {"x": x}, {"s": 1.0}, 0.0) for n, x in enumerate(outputs)
    ]
    return [column.kind for column in watched(Contract((), ("id",)), rows)]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([True, False, None], ["category"]),
        ([1, 2.5, None, 3], ["number"]),
        (["high", "low", "low", "high"], ["category"]),
        ([f"label {n % 30}" for n in range(600)], ["category"]),
        ([f"A sentence of its own, number {n}." for n in range(40)], ["length"]),
        ([["a"], ["a", "b"], []], ["length"]),
        ([["a"], ["b"]], []),
        ([[{"id": 1}], []], []),
        ([{"a": 1}], []),
        ([None, None], []),
        ([1, "one"], []),
    ],
)
def test_an_output_is_watched_by_what_it_holds(outputs: list[Any], expected: list[Kind]) -> None:
    assert kinds(*outputs) == expected


def test_inputs_are_watched_by_their_contract() -> None:
    columns = (
        Column("age", "number"), Column("city", "category"), Column("note"),
        Column("extra", "json"), Column("label", "category", "label"),
        Column("month", "number", orders_rows=True),
    )  # fmt: skip
    names = [column.name for column in watched(Contract(columns, ("note",)), [])]
    assert names == [
        "input.age", "input.city", "input.note", "input.note.length", "input.extra.length",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("number", 3, 3.0),
        ("number", "2.5", 2.5),
        ("number", True, 1.0),
        ("number", None, math.inf),
        ("number", math.nan, math.inf),
        ("number", -math.inf, math.inf),
        ("number", "many", math.inf),
        ("number", [1], math.inf),
        ("category", "de", "de"),
        ("category", True, "true"),
        ("category", 7, "7"),
        ("category", None, None),
        ("category", "", None),
        ("text", None, ""),
        ("text", 5, "5"),
        ("length", "abc", 3.0),
        ("length", ["a", "b"], 2.0),
        ("length", None, math.inf),
        ("length", 1234, 4.0),
    ],
)
def test_any_cell_becomes_a_value(kind: Kind, cell: Any, expected: Any) -> None:
    assert READ[kind](cell) == expected


def test_distinctive_words_are_those_of_the_new_subject() -> None:
    old = ["how do I promote a version", "who approves a version", "what is a gate"] * 20
    new = ["how much does an incident cost", "who leads an incident review", "what is a gate"] * 10
    assert distinctive(old + new, old)[0] == "incident"
    assert distinctive(old, old) == () == distinctive([], old)


def test_inflections_count_together_and_the_frequent_one_is_shown() -> None:
    new = ["the incidents of May", "an incident in June", "incidents and more incidents"] * 5
    assert distinctive(new, ["the weather of May"] * 15)[0] == "incidents"


def test_a_word_repeated_in_one_text_counts_once() -> None:
    assert distinctive(["spam " * 500, *["usual words"] * 50], ["usual words"] * 50) == ()
