"""How the cells of a column become numbers."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from fullturn.subjects.tabular import columns
from fullturn.subjects.tabular.columns import ColumnCode, as_category
from fullturn.subjects.tabular.encoding import Encoder, Scaling, cells_of


def test_frequent_categories_have_a_place_and_others_share_the_last() -> None:
    cells = ["a"] * 5 + ["b"] * 4 + ["c"] * 2 + [None]
    code = ColumnCode.learn("x", "category", cells, most=9)
    assert code.values == ("a", "b")
    found = code.read(["b", "a", "c", "new", None])[:, 0]
    assert found[:4].tolist() == [1.0, 0.0, 2.0, 2.0] and math.isnan(found[4])
    assert list(code.unseen(["a", "c", "new", None, "new"])) == [(2, "new"), (4, "new")]


def test_of_many_categories_the_most_frequent_have_a_place() -> None:
    cells = [f"c{n}" for n in range(50) for _ in range(3 + n)]
    code = ColumnCode.learn("x", "category", cells, most=10)
    assert code.values == tuple(f"c{n}" for n in range(40, 50))
    assert list(code.unseen(["c0"])) == []


def test_too_many_categories_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_KNOWN", 3)
    code = ColumnCode.learn("x", "category", list("abcd") * 3, most=9)
    assert code.known is None and list(code.unseen(["new"])) == []


@pytest.mark.parametrize(
    ("cell", "category"),
    [
        ("1", "1"), (1, "1"), (1.0, "1"), (np.float64(1), "1"), (np.int64(1), "1"),
        (True, "true"), (np.bool_(False), "false"), (1.5, "1.5"),
        (None, None), ("", None), (float("nan"), None), (pd.NaT, None),
    ],
)  # fmt: skip
def test_a_category_has_one_spelling(cell: object, category: str | None) -> None:
    assert as_category(cell) == category


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-05T12:30:00+00:00", "2024-03-05T14:30:00+02:00", "2024-03-05T12:30:00",
        datetime(2024, 3, 5, 12, 30), datetime(2024, 3, 5, 12, 30, tzinfo=UTC),
        pd.Timestamp("2024-03-05 12:30"),
    ],
)  # fmt: skip
def test_a_date_has_the_same_parts_however_it_is_written(cell: object) -> None:
    code = ColumnCode("d", "date")
    days = (datetime(2024, 3, 5, 12, 30) - datetime(1970, 1, 1)).total_seconds() / 86_400
    assert code.read([cell]).tolist() == [[days, 3, 5, 1, 12.5]]


def test_dates_before_1700_and_without_a_time_are_dates() -> None:
    code = ColumnCode("d", "date")
    assert code.read(["1066-10-14", date(1066, 10, 14)])[:, 0].tolist() == [-329893.0] * 2
    assert np.isnan(code.read([None])).all()


def test_a_linear_model_gets_imputed_scaled_and_one_hot_columns() -> None:
    rows = [{"n": float(n % 5), "c": "ab"[n % 2]} for n in range(20)]
    rows += [{"n": None, "c": None}] * 5  # type: ignore[dict-item]
    cells = cells_of(rows, ["n", "c"])
    encoder = Encoder.learn(cells, {"n": "number", "c": "category"}, 10)
    encoded = encoder.encode(cells)
    scaling = Scaling.learn(encoded.columns, encoder)
    table = scaling.widen(encoded, encoder.is_category)
    # the number, whether it is missing, then a, b, others, missing
    assert table.shape == (25, 6)
    assert table[:, 0].mean() == pytest.approx(0) and table[:, 0].std() == pytest.approx(1)
    assert table[0].tolist()[1:] == [0, 1, 0, 0, 0]
    assert table[-1].tolist()[1:] == [1, 0, 0, 0, 1]
    absurd = scaling.widen(encoder.encode({"n": [1e9], "c": ["z"]}), encoder.is_category)
    assert absurd.tolist() == [[10.0, 0, 0, 0, 1, 0]]
