"""Rows of a log are read column by column, to what each cell alone would be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.entities import Column, Contract, Kind
from fullturn.core.errors import DataError
from fullturn.core.values import checked
from fullturn.monitoring.detectors import violations
from fullturn.monitoring.tables import cell, cells
from tests.data.samples import steady

KINDS: list[Kind] = ["number", "category", "boolean", "date", "text", "json"]
VALUES = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-5, 5),
    st.sampled_from(["", "a", " a ", "nan", "1.0", "1_0", "yes", "2024-01-05", "[1]", "e\u0301"]),
)
ROWS = st.lists(st.dictionaries(st.sampled_from([*KINDS, "other"]), VALUES), max_size=8)


def contract(required: bool) -> Contract:
    return Contract(tuple(Column(kind, kind, required=required) for kind in KINDS), key=("text",))


def is_wrong(row: dict[str, object], of: Contract) -> bool:
    try:
        checked(row, of)
    except DataError:
        return True
    return False


@steady
@given(ROWS, st.booleans())
def test_many_requests_break_the_contract_as_each_does(
    rows: list[dict[str, object]], required: bool
) -> None:
    of = contract(required)
    assert violations(rows, of) == [is_wrong(row, of) for row in rows]


@steady
@given(ROWS, st.sampled_from(KINDS), st.booleans())
def test_a_column_is_read_as_each_of_its_cells(
    rows: list[dict[str, object]], kind: Kind, required: bool
) -> None:
    column = Column(kind, kind, required=required)
    expected = [cell(row.get(kind), column) for row in rows]
    assert list(map(repr, cells(rows, column))) == list(map(repr, expected))
