"""From the rows of anybody's table to outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from fullturn.core.errors import DataError
from fullturn.release.outcomes import Answered, PairColumns, layout


def read(row: dict[str, Any], columns: PairColumns | None = None) -> Answered | None:
    columns = columns or PairColumns()
    return layout(row, columns).read(row)


def test_a_row_per_request_has_both_sides() -> None:
    assert read({"id": 7, "champion": "0", "candidate": "1"}) == (
        "7", None, {"outcome": 0.0}, {"outcome": 1.0}
    )  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "champion.errors": 0, "candidate.errors": True, "champion.loss": None,
         "candidate.loss": 0.25},
        {"id": 1, "champion_errors": "no", "candidate_errors": "yes", "champion_loss": "NaN",
         "candidate_loss": "0.25", "champion_name": "v1"},
        {"id": 1, "champion": {"errors": 0, "loss": ""}, "candidate": {"errors": 1, "loss": 0.25}},
    ],
)  # fmt: skip
def test_guardrails_are_what_both_sides_have_a_column_for(row: dict[str, Any]) -> None:
    found = read(row)
    assert found
    assert found.champion == {"errors": 0.0, "loss": None}
    assert found.candidate == {"errors": 1.0, "loss": 0.25}


@pytest.mark.parametrize(
    ("arm", "side"),
    [("champion", 0), ("stable", 0), ("canary", 1), ("candidate", 1), ("holdout", None)],
)
def test_a_row_per_answer_names_its_arm(arm: str, side: int | None) -> None:
    found = read({"arm": arm, "user": "u", "outcome": 0.5}, PairColumns(key="user"))
    if side is None:
        assert found is None
    else:
        assert found and found.key == "u"
        assert [found.champion, found.candidate][side] == {"outcome": 0.5}
        assert [found.champion, found.candidate][1 - side] is None


def test_arms_and_columns_may_have_names_of_their_own() -> None:
    columns = PairColumns(champion="v1", candidate="v2", id="request", arm="version")
    assert read({"request": "a", "v1": 0, "v2": 1}, columns) == (
        "a", None, {"outcome": 0.0}, {"outcome": 1.0}
    )  # fmt: skip
    found = read({"version": "v2", "errors": 1}, columns)
    assert found and found.candidate == {"errors": 1.0}
    assert read({"version": "canary", "errors": 1}, columns) is None


def test_successes_are_turned_into_failures() -> None:
    found = read({"id": "a", "champion": 1, "candidate": 0.25}, PairColumns(is_success=True))
    assert found and (found.champion, found.candidate) == ({"outcome": 0.0}, {"outcome": 0.75})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.5, "'candidate' is 1.5, outside 0 to 1; divide it by the largest loss"),
        ("-0.1", "'candidate' is '-0.1', outside 0 to 1"),
        ("bad", "'candidate' is 'bad', not a number from 0 to 1"),
        ([1], "not a number from 0 to 1"),
        (10**400, "not a number from 0 to 1"),
    ],
)
def test_an_outcome_in_another_unit_is_refused(value: Any, said: str) -> None:
    with pytest.raises(DataError) as error:
        read({"id": 1, "champion": 0, "candidate": value})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"champion": 0, "candidate": 1}, "no column 'id'; columns: champion, candidate. Name it "
         "with --id COLUMN, or --no-id if each row is a request of its own"),
        ({"id": 1, "champion": 0, "candidat": 1}, "no column 'candidate'; did you mean 'candidat'"),
        ({"id": 1, "arm": "canary", "cost": 1}, "no column 'outcome'; columns: id, arm, cost. name"
         " the columns of outcomes with --guardrail COLUMN"),
    ],
)  # fmt: skip
def test_a_column_that_is_missing_is_named(row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        read(row)
    assert said in str(error.value)


def test_guardrails_can_be_chosen() -> None:
    row = {"id": 1, "champion.a": 0, "candidate.a": 0, "champion.b": 0, "candidate.b": 0}
    assert list(layout(row, PairColumns(), ["b"]).guardrails) == ["b"]
    with pytest.raises(DataError, match=r"no column 'champion\.c'"):
        layout(row, PairColumns(), ["c"])
    arms = {"arm": "canary", "cost": 0.5}
    assert list(layout(arms, PairColumns(), ["cost"]).guardrails) == ["cost"]
