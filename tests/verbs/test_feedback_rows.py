"""A labelled prediction becomes a row of the next version."""

from __future__ import annotations

from fullturn.core.entities import Column, Contract, Kind, Prediction
from fullturn.verbs.parts.feedback_rows import row_of


def contract(kind: Kind) -> Contract:
    columns = (Column("x", "number"), Column("when", kind, "time"), Column("y", role="label"))
    return Contract(columns, key=("x", "when", "y"))


def answered() -> Prediction:
    return Prediction(
        id="p1", sequence=1, time=1_704_448_800_000, arm="champion", version=1, key="p1",
        input={"x": 1.0}, output={"label": "a"}, latency=0.01,
    )  # fmt: skip


def test_a_row_is_dated_by_its_prediction() -> None:
    assert row_of(answered(), {"y": "b"}, contract("date")) == {
        "x": 1.0,
        "when": "2024-01-05T10:00:00+00:00",
        "y": "b",
    }
    own = {"y": "b", "when": "2024-01-04"}
    assert (row_of(answered(), own, contract("date")) or {})["when"] == "2024-01-04"


def test_a_number_that_orders_the_rows_is_not_made_up() -> None:
    assert row_of(answered(), {"y": "b"}, contract("number")) is None
