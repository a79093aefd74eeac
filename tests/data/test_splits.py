"""Splits do not depend on the machine or on what comes later, and tear nothing apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import DataError, SettingsError
from fullturn.core.settings import DataSettings
from fullturn.data.contract import check
from fullturn.data.rows import key_of, stored
from fullturn.data.splits import Assigned, Pins, assign, pins_of, position
from tests.data.samples import EVERYTHING, QUESTIONS, SETTINGS, questions, steady

GROUPED = replace(QUESTIONS, columns=(*QUESTIONS.columns, Column("customer", role="group")))


def split(
    rows: list[dict[str, Any]],
    contract: Contract = QUESTIONS,
    settings: DataSettings = SETTINGS,
    pins: Pins | None = None,
) -> Assigned:
    return assign(check(rows, contract).rows, stored(contract), settings, pins)


def by_text(assigned: Assigned) -> dict[str, tuple[str, str]]:
    return {row["text"]: (row["split"], row.get("group", "")) for row in assigned.rows}


def test_shares_are_kept_within_chance() -> None:
    counts = Counter(row["split"] for row in split(questions(2_000)).rows)
    for name, share in (("train", 0.5), ("validation", 0.2), ("test", 0.3)):
        assert abs(counts[name] / 2_000 - share) < 0.045  # four standard errors


def test_the_place_of_a_group_is_pinned() -> None:
    assert [round(position(name), 6) for name in ("a", "b", "é")] == [
        0.253794,
        0.517376,
        0.793377,
    ]


@steady
@given(st.integers(0, 50), st.randoms())
def test_the_order_of_rows_does_not_matter(seed: int, source: Any) -> None:
    rows = questions(12, seed=seed)
    mixed = source.sample(rows, len(rows))
    assert by_text(split(mixed)) == by_text(split(rows))


def test_rows_that_come_later_move_no_row() -> None:
    rows = questions(400)
    before, after = by_text(split(rows[:200])), by_text(split(rows))
    assert before.items() <= after.items()


@steady
@given(st.integers(0, 30))
def test_rows_of_the_parent_keep_split_and_group_whatever_is_added(seed: int) -> None:
    rows = questions(12, seed=seed)
    twins = [{**row, "text": f"{row['text']}!"} for row in rows[:6]]
    bridge = [{"text": f"{rows[0]['text']}?", "label": "c"}, {"text": "alone", "label": "c"}]
    old = split(rows)
    new = split(rows + twins + bridge, pins=pins_of(old.rows, stored(QUESTIONS)))
    assert by_text(old).items() <= by_text(new).items()
    assert not new.near_duplicates


def test_a_row_keeps_its_group_when_its_twin_is_gone() -> None:
    rows = questions(20)
    twins = [{**row, "text": f"{row['text']}!"} for row in rows[:10]]
    old = split(rows + twins)
    pins = pins_of(old.rows, stored(QUESTIONS))
    for left in (rows, rows[10:] + twins):
        assert by_text(split(left, pins=pins)).items() <= by_text(old).items()


@pytest.mark.parametrize("rows", [4, 6, 9, 20])
def test_each_label_reaches_train_first_then_test_then_validation(rows: int) -> None:
    for seed in range(30):
        data = questions(rows, seed=seed)
        found = Counter((row["label"], row["split"]) for row in split(data).rows)
        for label in "ab":
            reached = [name for name in ("train", "test", "validation") if found[label, name]]
            wanted = ["train", "test", "validation"][: min(3, rows // 2)]
            assert set(wanted) <= set(reached)


def test_a_group_is_never_torn_apart() -> None:
    rows = [{**row, "customer": str(n // 5)} for n, row in enumerate(questions(200))]
    splits: dict[str, set[str]] = {}
    for row in split(rows, GROUPED).rows:
        splits.setdefault(row["customer"], set()).add(row["split"])
    assert len(splits) == 40
    assert all(len(found) == 1 for found in splits.values())


def test_near_equal_texts_share_group_and_split() -> None:
    rows = questions(60)
    twins = [{**row, "text": f"{row['text'].upper()} !"} for row in rows]
    found = split(rows + twins)
    assert found.near_duplicates == ()
    placed = by_text(found)
    assert all(placed[r["text"]] == placed[t["text"]] for r, t in zip(rows, twins, strict=True))


def test_near_equal_texts_in_two_splits_are_reported_or_refused() -> None:
    rows = [{**row, "split": "train"} for row in questions(8)]
    rows[7]["split"] = "validation"
    rows += [{**row, "text": f"{row['text']}!", "split": "test"} for row in rows[:6]]
    for policy in ("group", "report"):
        found = split(rows, replace(QUESTIONS, near_duplicates=policy))
        assert len(found.near_duplicates) == 6
        assert [row["split"] for row in found.rows] == [row["split"] for row in rows]
        assert len({row["group"] for row in found.rows}) == len(rows)
    with pytest.raises(DataError, match="in two splits: 6\n") as caught:
        split(rows, replace(QUESTIONS, near_duplicates="refuse"))
    assert f"  {rows[0]['text']!r} and {rows[8]['text']!r}" in str(caught.value)
    assert "… and 1 more" in str(caught.value)


def test_without_a_text_column_nothing_is_compared() -> None:
    rows = [{**row, "split": "train"} for row in questions(8)]
    rows += [{**row, "text": f"{row['text']}!", "split": "test"} for row in rows[:6]]
    assert not split(rows, replace(QUESTIONS, text=None)).near_duplicates


def test_a_twin_of_a_test_row_goes_to_test() -> None:
    rows = questions(40)
    held_out = [{**row, "text": f"{row['text']}!", "split": "test"} for row in rows[:9]]
    placed = by_text(split(rows + held_out))
    assert all(placed[row["text"]][0] == "test" for row in rows[:9])


def test_when_test_rows_are_given_the_others_are_train_and_validation() -> None:
    given_rows = [{**row, "split": "test"} for row in questions(10, seed=1)]
    counts = Counter(row["split"] for row in split(questions(700) + given_rows).rows)
    assert counts["test"] == 10
    assert abs(counts["train"] / 700 - 5 / 7) < 0.07


def test_rows_given_to_train_leave_the_other_splits_open() -> None:
    given_rows = [{**row, "split": "train"} for row in questions(10, seed=1)]
    assert {"train", "validation", "test"} == {
        row["split"] for row in split(questions(60) + given_rows).rows
    }


def test_reference_rows_are_left_alone() -> None:
    passage = {"text": "knowledge", "label": "x", "split": "reference"}
    found = split([passage, *questions(10)])
    assert found.rows[0]["split"] == "reference"
    assert found.rows[0]["group"] is None
    assert split([passage]).rows == (found.rows[0],)


def test_a_version_without_test_rows_is_refused() -> None:
    rows = [{**row, "customer": "one"} for row in questions(10)]
    with pytest.raises(DataError, match="no row is left for test: 10 rows make 1 group"):
        split(rows, GROUPED)
    with pytest.raises(DataError, match="no row is left for train"):
        split([{**row, "split": "test"} for row in questions(4)])


def test_shares_that_leave_nothing_for_test_are_refused() -> None:
    settings = DataSettings(train_share=0.8, validation_share=0.2)
    with pytest.raises(SettingsError, match=r"data.train_share = 0.8 .* below 1"):
        split(questions(10), settings=settings)


def test_rows_with_a_test_split_of_their_own_may_fill_the_other_two() -> None:
    settings = DataSettings(train_share=0.9, validation_share=0.1)
    rows = questions(400)
    apart = [{**row, "split": "test"} for row in rows[:40]]
    counts = Counter(row["split"] for row in split([*apart, *rows[40:]], settings=settings).rows)
    assert counts["test"] == 40
    assert 0.82 < counts["train"] / 360 < 0.98


def test_an_unlabelled_row_is_spread_like_a_label_of_its_own() -> None:
    contract = replace(EVERYTHING, columns=EVERYTHING.columns[:2])
    rows = [{"text": row["text"]} for row in questions(3)]
    assert {row["split"] for row in split(rows, contract).rows} == {"train", "validation", "test"}


def test_pins_hold_every_row_but_reference_ones() -> None:
    contract = stored(QUESTIONS)
    found = split([{"text": "k", "label": "x", "split": "reference"}, *questions(4)])
    assert pins_of(found.rows, contract) == {
        key_of(row, contract): (row["group"], row["split"]) for row in found.rows[1:]
    }
