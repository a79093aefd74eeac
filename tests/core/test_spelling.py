"""Equal values have one spelling, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from fullturn.core.entities import Column
from fullturn.core.errors import DataError
from fullturn.core.spelling import date_text, is_day_first, moment, truth, whole_number
from fullturn.core.values import stored_value


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1", "1"), ("1.0", "1"), ("1.", "1"), ("+1", "1"), ("-1.000", "-1"), ("-0.0", "0"),
        ("007", "007"), ("1.5", "1.5"), ("1e3", "1e3"), ("v1.0", "v1.0"), ("1.0.0", "1.0.0"),
    ],
)  # fmt: skip
def test_a_whole_number_has_one_spelling(written: str, stored: str) -> None:
    assert whole_number(written) == stored


@pytest.mark.parametrize("written", [True, "TRUE", " true ", "yes", "Y", "t", "on", 1, 1.0, "1.0"])
def test_true_has_many_spellings(written: Any) -> None:
    assert truth(written) is True
    assert stored_value(written, Column("x", "boolean")) == "true"


@pytest.mark.parametrize("written", [False, "False", "no", "N", "f", "off", 0, "0"])
def test_false_has_many_spellings(written: Any) -> None:
    assert stored_value(written, Column("x", "boolean")) == "false"


@pytest.mark.parametrize("written", [2, "maybe", 0.5, [True]])
def test_what_is_neither_is_named(written: Any) -> None:
    with pytest.raises(DataError, match=r"'x' is .*, not true or false"):
        stored_value(written, Column("x", "boolean"))


PLUS_TWO = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2024-01-05", "2024-01-05"),
        (" 2024-01-05 ", "2024-01-05"),
        (date(2024, 1, 5), "2024-01-05"),
        (datetime(2024, 1, 5), "2024-01-05"),
        ("2024-01-05T00:00:00", "2024-01-05"),
        ("2024-01-05 10:30", "2024-01-05T10:30:00"),
        ("2024-01-05T10:30:00+02:00", "2024-01-05T08:30:00+00:00"),
        ("2024-01-05 10:30:00 +0200", "2024-01-05T08:30:00+00:00"),
        ("2024-01-05T08:30:00Z", "2024-01-05T08:30:00+00:00"),
        ("2024-01-05 08:30:00 UTC", "2024-01-05T08:30:00+00:00"),
        (datetime(2024, 1, 5, 10, 30, tzinfo=PLUS_TWO), "2024-01-05T08:30:00+00:00"),
        ("20240105", "2024-01-05"),
        ("2024/01/05", "2024-01-05"),
        ("05.01.2024", "2024-01-05"),
        ("5 Jan 2024", "2024-01-05"),
        ("January 5, 2024", "2024-01-05"),
        ("2024-01", "2024-01-01"),
        ("1492-10-12", "1492-10-12"),
    ],
)
def test_a_date_has_one_spelling(written: Any, stored: str) -> None:
    assert date_text(written) == stored
    assert stored_value(written, Column("x", "date")) == stored


@pytest.mark.parametrize(
    "written", ["soon", "2024-13-01", 20240105, "0000-01-01", "9999-12-31T23:59:59-05:00"]
)
def test_what_is_no_date_is_named(written: Any) -> None:
    with pytest.raises(DataError, match=r"'x' = .* is not a date; write it as YYYY-MM-DD"):
        stored_value(written, Column("x", "date"))


def test_a_date_of_unclear_order_is_named() -> None:
    with pytest.raises(DataError, match="'1/5/2024' may begin with the day or the month"):
        stored_value("1/5/2024", Column("x", "date"))


def test_moments_with_and_without_a_zone_are_in_one_order() -> None:
    assert moment("2024-01-05") < moment("2024-01-05T00:30:00+00:00")
    assert moment("2024-01-05") == datetime(2024, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["number", "boolean", "date"])
@pytest.mark.parametrize("written", ["NA", "n/a", "null", "None", "NaN", "?", float("nan")])
def test_what_tools_write_for_a_missing_value_is_missing(kind: Any, written: Any) -> None:
    assert stored_value(written, Column("x", kind, required=False)) is None
    with pytest.raises(DataError, match=r"which some tools write for a missing value; fill it"):
        stored_value(written, Column("x", kind))


def test_a_category_may_be_called_na() -> None:
    assert stored_value("NA", Column("x", "category", required=False)) == "NA"


@pytest.mark.parametrize("written", ["1", "1.0", 1, 1.0])
def test_whole_numbers_in_a_category_have_one_spelling_if_the_column_says_so(written: Any) -> None:
    assert stored_value(written, Column("x", "category", plain_numbers=True)) == "1"


def test_a_category_of_an_earlier_project_is_stored_as_it_is_written() -> None:
    assert stored_value("1.0", Column("x", "category")) == "1.0"


@pytest.mark.parametrize(
    ("written", "day", "month"),
    [
        ("1/5/2024", "2024-05-01", "2024-01-05"),
        ("31/12/2023", "2023-12-31", None),
        ("12/31/23 2:30 PM", None, "2023-12-31T14:30:00"),
        ("1-5-2024 12:05:09 am", "2024-05-01T00:05:09", "2024-01-05T00:05:09"),
        ("1/5/2024 10:00 +0200", "2024-05-01T08:00:00+00:00", "2024-01-05T08:00:00+00:00"),
        ("30/2/2024", None, None),
        ("1/5/2024 14:30 PM", None, None),
    ],
)
def test_a_date_in_digits_is_read_once_its_order_is_known(
    written: str, day: str | None, month: str | None
) -> None:
    assert date_text(written) is None
    assert (date_text(written, True), date_text(written, False)) == (day, month)
    known = {True: day, False: month}
    says = [order for order, text in known.items() if text]
    assert is_day_first(written) is (says[0] if len(says) == 1 else None)


@pytest.mark.parametrize(
    "written",
    [
        "2024/01/05", "5 Jan 2024", "Jan 5, 2024", "Friday, January 5, 2024", "5-Jan-24",
        "5.1.2024", "Jan-5-1995", "2024/01/05 10:30", "5 January 2024 10:30:00 GMT",
    ],
)  # fmt: skip
def test_dates_whose_order_is_certain(written: str) -> None:
    found = date_text(written)
    assert found and found[4:10] == "-01-05" and is_day_first(written) is None


def test_a_date_of_unknown_order_is_refused_with_the_setting() -> None:
    with pytest.raises(DataError, match="set day_first = true or false in"):
        stored_value("1/5/2024", Column("x", "date"))
    assert stored_value("1/5/2024", Column("x", "date", day_first=True)) == "2024-05-01"
    with pytest.raises(DataError, match="'12/31/2023' is no date with the day first; write it as"):
        stored_value("12/31/2023", Column("x", "date", day_first=True))
