"""Numbers with a decimal comma or separators of thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fullturn.core.settings import DataSettings
from fullturn.data.numerals import infer
from fullturn.data.readers import read
from fullturn.data.rows import SOURCE


@pytest.mark.parametrize(
    ("cells", "separator", "decimal", "thousands"),
    [
        (["1,5", "2", "NA", ""], ",", ",", None),
        (["1.234,5", "7"], ";", ",", None),
        (["1,234", "22,345"], ";", ",", None),
        (["1,234", "22,345"], ",", ".", ","),
        (["1,234.5", "7"], ";", ".", ","),
        (["1'234.50", "12"], ";", ".", "'"),
        (["1\u00a0234", "12"], ",", ".", " "),
        (["52.520", "1.234"], ";", ".", None),
        (["a,b", "1,5", "c"], ";", ".", None),
        (["2024-01-05", "x"], ",", ".", None),
        ([1.5, None], None, ".", None),
    ],
)
def test_cells_say_how_numbers_are_written(
    cells: list[object], separator: str | None, decimal: str, thousands: str | None
) -> None:
    assert infer({"n": cells}, separator)[:2] == (decimal, thousands)


def test_a_column_that_can_be_read_in_one_way_decides_for_the_others() -> None:
    found = infer({"a": ["1,234", "5,678"], "b": ["0,5", "1,25"]}, ",")
    assert found[:2] == (",", None) and found.why == "'a' has '1,234'"
    assert (
        infer({"a": ["1,234"]}, ";").why == "'a' has '1,234', and cells are separated by semicolons"
    )


def test_points_are_thousands_only_in_a_column_of_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("price;place;text\n1.234;52.520;1,5 kg\n1 234,5;13.405;a\n")
    rows = read([path], settings=DataSettings(decimal=","))
    assert [{k: v for k, v in row.items() if k != SOURCE} for row in rows] == [
        {"price": "1234", "place": "52.520", "text": "1,5 kg"},
        {"price": "1234.5", "place": "13.405", "text": "a"},
    ]


def test_separators_of_thousands_are_read_once_they_are_set(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('price,text\n"-1,234,567.8","a, b"\n12,c\n')
    rows = read([path], settings=DataSettings(thousands=","))
    assert [row["price"] for row in rows] == ["-1234567.8", "12"] and rows[0]["text"] == "a, b"
