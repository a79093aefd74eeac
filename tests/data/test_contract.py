"""Rows that would harm a model are refused, with their line and what to do."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import DataError
from fullturn.data.contract import BadRows, check
from fullturn.data.rows import PROBLEM, SOURCE
from tests.data.samples import EVERYTHING, QUESTIONS, questions


def two(**changes: Any) -> list[dict[str, Any]]:
    """Four good rows of `EVERYTHING`; `changes` go into the first."""
    rows = [
        {"text": f"text {n}", "label": label, SOURCE: f"a.csv:{n + 2}"}
        for n, label in enumerate(("yes", "yes", "no", "no"))
    ]
    rows[0] |= changes
    return rows


def first(**changes: Any) -> dict[str, Any]:
    return check(two(**changes), EVERYTHING).rows[0]


def test_values_are_stored_in_one_form() -> None:
    row = first(
        text="  cafe\u0301 ", age=" 7.50 ", facts='[["b"], {"y": 1, "x": 2}]', label=" yes\n"
    )
    assert row == {
        "name": None,
        "text": "  café ",
        "age": 7.5,
        "facts": '[["b"],{"x":2,"y":1}]',
        "label": "yes",
        "channel": None,
        "split": None,
        "group": None,
    }


@pytest.mark.parametrize("age", [7, 7.0, "7", Decimal(7)])
def test_a_number_is_the_same_however_it_was_written(age: object) -> None:
    assert first(age=age)["age"] == 7.0


def test_negative_zero_is_zero() -> None:
    assert math.copysign(1, first(age="-0.0")["age"]) == 1


def test_whole_numbers_and_booleans_can_be_categories() -> None:
    assert first(channel=7)["channel"] == "7"
    assert first(channel=True)["channel"] == "true"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": ""}, "'text' is empty"),
        ({"text": " \t\n"}, "'text' is empty"),
        ({"text": None}, "'text' is empty"),
        ({"text": float("nan")}, "'text' is NaN, .* fill it or drop the row"),
        ({"text": "nan"}, "'text' is NaN"),
        ({"label": "NaN"}, "'label' is NaN"),
        ({"text": 5}, "'text' is 5, not text"),
        ({"text": ["x"]}, r"'text' is \['x'\], not text"),
        ({"text": "half \ud83d"}, "'text' contains half a surrogate pair"),
        ({"text": "x" * 1_000_000}, "'text' has 1,000,000 characters, at most 20,000 are allowed"),
        ({"age": "old"}, "'age' is 'old', not a number"),
        ({"age": "1_000"}, "'age' is '1_000', not a number"),
        ({"age": True}, "'age' is True, not a number"),
        ({"age": "inf"}, "'age' is 'inf'; it must be finite"),
        ({"age": 10**400}, "'age' is 1000.*, not a number"),
        ({"age": -1}, "'age' is -1; it must be at least 0"),
        ({"age": "121"}, "'age' is 121; it must be at most 120"),
        ({"label": "yess"}, "'label' is 'yess', not one of yes, no, maybe; did you mean 'yes'"),
        ({"label": 1.5}, "'label' is '1.5', not one of yes, no, maybe"),
        ({"facts": "[1,"}, r"'facts' is '\[1,', not JSON"),
        ({"facts": 5}, "'facts' is 5, not JSON: neither a list nor an object"),
        ({"facts": [float("inf")]}, "'facts' is .*, not JSON"),
        ({"facts": {"a": {1, 2}}}, "'facts' is .*, not JSON"),
        ({"split": "dev"}, "'split' is 'dev', not one of train, validation, test, reference"),
    ],
)
def test_a_bad_value_is_named_with_its_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(
        DataError, match=f"rows that break the contract: 1 of 4\n  a.csv:2: {message}"
    ):
        check(two(**changes), EVERYTHING)


def test_five_rows_are_shown_and_the_others_counted() -> None:
    rows = questions(12)
    for row in rows[:7]:
        row["text"] = ""
    with pytest.raises(DataError, match="7 of 12") as caught:
        check(rows, QUESTIONS)
    assert str(caught.value).splitlines()[1:7] == [
        *(f"  row {n}: 'text' is empty; fill it or drop the row" for n in range(1, 6)),
        "  … and 2 more",
    ]


def test_wrong_column_names_are_told_with_the_nearest_one() -> None:
    rows = [{"text": "x", "lable": "a", SOURCE: "a.csv:2"}]
    with pytest.raises(DataError) as caught:
        check(rows, QUESTIONS)
    assert str(caught.value).splitlines() == [
        "the columns break the contract:",
        "  column 'label' is missing; did you mean 'lable'?",
        "Nobody named: 'lable'.",
    ]


def test_a_file_without_a_header_line() -> None:
    rows = [{"where is my card": "a b", "arrival": "c", SOURCE: "a.csv:2"}]
    with pytest.raises(DataError, match="Is there a header line") as caught:
        check(rows, QUESTIONS)
    assert "Nobody named: 'where is my card', 'arrival'." in str(caught.value)


def test_a_column_that_only_some_rows_lack_is_told_by_row() -> None:
    rows = questions(4)
    del rows[2]["label"]
    with pytest.raises(DataError, match="row 3: 'label' is empty"):
        check(rows, QUESTIONS)


def test_no_rows() -> None:
    with pytest.raises(DataError, match="there are no rows"):
        check([], QUESTIONS)


def test_a_single_label_is_refused() -> None:
    with pytest.raises(DataError, match="column 'label' has one label only, 'a'"):
        check(questions(6, labels=("a",)), QUESTIONS)


def test_a_label_seen_once_is_refused() -> None:
    rows = [*questions(6), {"text": "new", "label": "rare"}]
    with pytest.raises(DataError, match="labels of 'label' seen only once: 1\n  'rare'\nThey"):
        check(rows, QUESTIONS)


def test_reference_rows_need_no_labels_of_their_own() -> None:
    passage = {"text": "knowledge", "label": "passage", "split": "reference"}
    assert len(check([*questions(6), passage], QUESTIONS).rows) == 7
    assert len(check([passage], QUESTIONS).rows) == 1


def test_exact_duplicates_are_dropped_and_counted() -> None:
    rows = questions(4)
    checked = check([*rows, dict(rows[0]), {**rows[1], "label": " b "}], QUESTIONS)
    assert (len(checked.rows), checked.duplicates, checked.repeated) == (4, 2, 0)


def test_of_copies_in_several_splits_the_one_held_out_longest_stays() -> None:
    rows = questions(4)
    splits = (None, "test", "train", "test")
    copies = [{**rows[0], "split": split} for split in splits]
    checked = check(rows[1:] + copies, QUESTIONS)
    assert (len(checked.rows), checked.duplicates, checked.repeated) == (4, 1, 2)
    assert checked.rows[-1]["split"] == "test"


def test_a_row_cannot_be_both_reference_and_example() -> None:
    rows = questions(4)
    with pytest.raises(DataError, match="'split' is 'train' and 'reference'"):
        check([{**row, "split": s} for row in rows for s in ("train", "reference")], QUESTIONS)


def test_one_text_with_two_labels_is_refused() -> None:
    rows = [*two(), {"text": "text 0", "label": "no", SOURCE: "b.csv:9"}]
    message = "a.csv:2, b.csv:9: the same key, but 'label' is 'yes' and 'no'\nKeep one row of each"
    with pytest.raises(DataError, match=message):
        check(rows, EVERYTHING)


def test_a_row_without_any_key_is_refused() -> None:
    contract = replace(EVERYTHING, key=("name", "age"))
    with pytest.raises(DataError, match=r"4 of 4\n  a.csv:2: the key \(name, age\) is empty"):
        check(two(), contract)


def test_an_id_belongs_to_one_row() -> None:
    rows = two()
    rows[0]["name"] = rows[1]["name"] = "n1"
    with pytest.raises(DataError, match="ids of several rows: 1, first 'n1'"):
        check(rows, EVERYTHING)


def test_an_input_may_be_called_split_or_group() -> None:
    contract = Contract((Column("text"), Column("split"), Column("group", "number")), ("text",))
    row = check([{"text": "x", "split": "y", "group": "1"}], contract).rows[0]
    assert row == {"text": "x", "split": "y", "group": 1.0, "_split": None, "_group": None}


def test_columns_that_nobody_named_are_stored_as_text() -> None:
    rows = [{**row, "n": 1.0, "when": date(2024, 1, 5), "no": None} for row in questions(4)]
    checked = check(rows, QUESTIONS, ignore=["no"])
    assert checked.unnamed == ("n", "when")
    assert {name: checked.rows[0][name] for name in checked.unnamed} == {
        "n": "1",
        "when": "2024-01-05",
    }
    assert [c.role for c in checked.contract.columns if c.name in ("n", "when")] == ["extra"] * 2


def test_copies_that_differ_only_in_what_no_model_reads_are_one_row() -> None:
    rows = [{**row, "id": str(n)} for n, row in enumerate([*questions(4), *questions(4)])]
    for order in (rows, rows[::-1]):
        checked = check(order, QUESTIONS)
        assert (len(checked.rows), checked.duplicates) == (4, 4)
        assert sorted(row["id"] for row in checked.rows) == ["0", "1", "2", "3"]


def bad_rows() -> list[dict[str, Any]]:
    """Two good labels; of each kind of bad row at least one."""
    good = questions(40)
    return [
        *good,
        {"text": "", "label": "a", SOURCE: "a.csv:42"},
        {"text": "x" * 30_000, "label": "a", SOURCE: "a.csv:43"},
        {**good[0], "label": "b", SOURCE: "a.csv:44"},
        {"text": "alone", "label": "rare", SOURCE: "a.csv:45"},
        {PROBLEM: "3 cells under a header of 2", SOURCE: "a.csv:46"},
    ]


def test_all_kinds_of_problem_are_named_at_once_with_a_way_on() -> None:
    with pytest.raises(BadRows) as caught:
        check(bad_rows(), QUESTIONS)
    said = str(caught.value)
    for part in (
        "rows that break the contract: 3 of 45\n  a.csv:42: 'text' is empty",
        "a.csv:43: 'text' has 30,000 characters",
        "a.csv:46: 3 cells under a header of 2",
        "row 1, a.csv:44: the same key, but 'label' is 'a' and 'b'",
        "labels of 'label' seen only once: 1\n  'rare'",
    ):
        assert part in said
    assert said.endswith('Or leave these 6 rows out: on_bad_row = "drop" in [data].')
    assert [row.where for row in caught.value.rows][:3] == ["a.csv:42", "a.csv:43", "a.csv:46"]


def test_bad_rows_are_dropped_if_that_is_wanted_and_each_is_on_record() -> None:
    checked = check(bad_rows(), QUESTIONS, on_bad_row="drop")
    assert len(checked.rows) == 39
    assert [row.where for row in checked.dropped] == [
        "a.csv:42", "a.csv:43", "a.csv:46", "row 1", "a.csv:44", "a.csv:45",
    ]  # fmt: skip


def test_more_than_half_of_the_rows_are_never_dropped() -> None:
    rows = questions(10)
    for row in rows[:6]:
        row["text"] = ""
    with pytest.raises(BadRows, match="more than half of 10 rows, so they cannot be dropped"):
        check(rows, QUESTIONS, on_bad_row="drop")


def test_a_number_that_never_changes_is_nothing_to_predict() -> None:
    contract = Contract((Column("x"), Column("y", "number", "label")), ("x",))
    with pytest.raises(DataError, match=r"column 'y' is 3\.0 in every row"):
        check([{"x": "a", "y": 3}, {"x": "b", "y": 3}], contract)


def test_labels_that_all_differ_are_no_classes() -> None:
    rows = [{"text": f"text {n}", "label": f"label {n}"} for n in range(5)]
    with pytest.raises(DataError, match="every row has a label of its own in column 'label'"):
        check(rows, QUESTIONS)


def test_a_split_column_of_ones_own_holds_only_splits() -> None:
    contract = replace(QUESTIONS, columns=(*QUESTIONS.columns, Column("part", role="split")))
    with pytest.raises(DataError, match="'part' is 'dev', not one of train, validation, test"):
        check([{**row, "part": "dev"} for row in questions(4)], contract)


def test_nan_is_a_category_where_the_contract_allows_it() -> None:
    column = Column("text", "category", allowed=("nan", "x"))
    assert check([{"text": "nan"}], Contract((column,), ("text",))).rows[0]["text"] == "nan"


def test_names_that_differ_only_in_case_cannot_be_stored() -> None:
    rows = [{**row, "p95": 1, "P95": 2} for row in questions(8)]
    with pytest.raises(DataError, match=r"columns 'p95' and 'P95' differ only in case, .* rename"):
        check(rows, QUESTIONS)
    capital = Contract((*QUESTIONS.columns, Column("Group", role="slice")), key=("text",))
    checked = check([{**row, "Group": "x"} for row in questions(8)], capital)
    assert "_group" in checked.rows[0]


def test_labels_that_are_numbers_and_seen_once_may_be_a_quantity() -> None:
    rows = [{**row, "label": str(n % 4)} for n, row in enumerate(questions(9))]
    rows[8]["label"] = "17"
    with pytest.raises(BadRows, match="If it is a quantity rather than a class, the task is regr"):
        check(rows, QUESTIONS)
