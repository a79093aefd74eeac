"""The kinds of columns and the task of a label are inferred, each with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fullturn.data.inference import column_of, infer

COUNT = 40


def kind(*cells: Any, name: str = "x") -> tuple[Any, str]:
    found = column_of(name, list(cells))
    return found.kind, found.reason


def test_numbers_may_have_gaps() -> None:
    found = column_of("x", ["1.5", "", "NA", "-2", None, "?"])
    assert (found.kind, found.reason) == ("number", "numbers from -2 to 1.5")
    assert (found.missing, found.is_optional) == (4, True)


def test_a_few_cells_of_text_do_not_make_numbers_categories() -> None:
    found = column_of("x", [*map(str, range(100, 200)), "n.a. (see note)"])
    assert (found.kind, found.others) == ("number", 1)
    assert found.reason == "numbers, but one cell is not, such as 'n.a. (see note)'"


def test_a_few_codes_of_which_one_is_a_letter_are_categories() -> None:
    assert kind(*["1", "2", "3"] * 30, "A")[0] == "category"


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["yes", "no", "YES"], "boolean"),
        ([True, False, None], "boolean"),
        (["True", "false"], "boolean"),
        (["0", "1"], "number"),
        (["red", "blue", "red"], "category"),
        (["00501", "10001", "10002"], "category"),
        (["2024-01-05", "2024-02-01"], "date"),
        (["2024-01-05 10:00:00+02:00", ""], "date"),
        ([datetime(2024, 1, 5, tzinfo=UTC), datetime(1650, 1, 1, tzinfo=UTC)], "date"),
        (["20240105", "20240106"], "number"),
    ],
)
def test_kinds_of_cells(cells: list[Any], found: str) -> None:
    assert kind(*cells)[0] == found


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([""] * COUNT, "it is empty in every row"),
        (["a"] * COUNT, "it is 'a' in every row"),
        (list(range(COUNT)), "it numbers the rows from 0 to 39"),
        ([f"u{n}" for n in range(COUNT)], "it names the rows: 40 different values in 40 rows"),
        ([f"{n}/1/2024" for n in range(1, 12)], "dates such as 1/1/2024, of which day or month"),
        (["1,5", "2", "3,25"], "numbers with a comma: if it is decimal, set"),
        ([[1], [2]], "its cells are of type list, which no built-in model reads"),
        ([b"1", b"2"], "its cells are of type bytes"),
    ],
)
def test_a_column_that_no_model_can_use_is_proposed_to_be_ignored(cells: Any, why: str) -> None:
    assert kind(*cells)[0] is None
    assert kind(*cells)[1].startswith(why)


def test_one_date_says_what_comes_first_in_all_of_a_table() -> None:
    few = [f"{1 + n % 12}/5/2024" for n in range(COUNT)]
    rows = [{"a": cell, "b": cell, "y": n % 2} for n, cell in enumerate(few)]
    found = infer(rows, "y")
    assert found.day_first is None and found.ignored == ("a", "b")
    rows[3]["b"] = "31/12/2023 14:30"
    found = infer(rows, "y")
    assert found.day_first is True and found.kinds == {"a": "date", "b": "date"}
    assert found.day_first_reason == "'b' has dates that can only be read so"
    assert found.columns[1].reason == "dates from 2023-12-31 to 2024-05-12"
    assert infer(rows, "y", day_first=False).kinds == {"a": "date", "b": "date"}
    rows[4]["b"] = "12/31/2023"
    assert infer(rows, "y").columns[1].reason == (
        "dates in two orders, such as 31/12/2023 14:30 and 12/31/2023"
    )


def test_a_name_that_differs_only_in_case_is_proposed_to_be_ignored() -> None:
    rows = [{"p": n / 3, "P": n / 7, "Y": n / 2, "y": n % 2} for n in range(COUNT)]
    found = infer(rows, "y")
    assert found.ignored == ("P", "Y")
    assert found.columns[1].reason.startswith("only its case differs from 'p'")


def test_a_number_that_differs_in_each_row_is_an_id_only_by_its_name() -> None:
    cells = [n * n for n in range(COUNT)]
    assert kind(*cells, name="area")[0] == "number"
    assert kind(*cells, name="customer_id")[0] is None


def test_sentences_are_free_text_and_words_are_categories() -> None:
    sentences = [f"the parcel number {n} came late" for n in range(COUNT)]
    assert kind(*sentences) == ("text", "free text, 6 words on average")
    assert kind(*["late", "early"] * COUNT) == ("category", "2 different values")


@pytest.mark.parametrize(
    ("labels", "task", "label_kind", "why"),
    [
        (["yes", "no"] * 9, "classification", "category", "2 different labels"),
        (["True", "False"] * 9, "classification", "boolean", "2 different labels"),
        ([True, False] * 9, "classification", "boolean", "2 different labels"),
        (["0", "1"] * 9, "classification", "category", "2 different whole numbers"),
        (["0.5", "1"] * 9, "regression", "number", "2 different numbers"),
        (list(range(COUNT)), "regression", "number", "40 different whole numbers"),
        (["1", "2", "NA"] * 9, "classification", "category", "2 different whole numbers"),
        (["1", "2", "3", "4", "5"], "regression", "number", "5 different whole numbers"),
        (["none", "some"] * 9, "classification", "category", "2 different labels"),
    ],
)
def test_the_label_says_what_the_task_is(
    labels: list[Any], task: str, label_kind: str, why: str
) -> None:
    found = infer([{"x": n, "y": label} for n, label in enumerate(labels)], "y")
    assert (found.task, found.label.kind, found.task_reason) == (task, label_kind, why)


def test_a_person_may_know_better() -> None:
    rows = [{"y": n % 3, "id": n} for n in range(COUNT)]
    found = infer(rows, "y", named=["id"], task="regression")
    assert (found.task, found.label.kind, found.ignored) == ("regression", "number", ())


def test_columns_are_in_the_order_of_the_file_without_the_label() -> None:
    found = infer([{"b": "1", "y": "k", "a": "x"}, {"b": "2", "y": "l", "a": "z"}] * 9, "y")
    assert found.kinds == {"b": "number", "a": "category"}


def test_a_label_that_no_row_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        infer([{"a": 1}], "y")
