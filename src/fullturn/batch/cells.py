"""Cells of a batch against the contract: rows as an app sees them, and what is wrong with others.

A column of numbers is converted at once if all of it is in order. Of other columns each value is
looked at once, however often it occurs. What is odd goes through `core.values` cell by cell, so
that a row means the same here, in a commit and in a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullturn.core.entities import Column, Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.values import parsed, stored_value
from fullturn.core.wording import listed

Numerals = Mapping[str, Callable[[str], str]]


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The rows of a batch; one that breaks the contract is None, and in `bad` by its place."""

    rows: Sequence[Input | None]
    bad: Mapping[int, str]


def check_columns(path: str, names: Sequence[str], contract: Contract) -> None:
    """Make sure that a file has what the model reads.

    Raises:
        DataError: it lacks a column.
    """
    inputs = [one for one in contract.columns if one.role == "input"]
    missing = [one.name for one in inputs if one.required and one.name not in names]
    if missing:
        raise DataError(
            f"{path} lacks {listed(missing)}, which the model reads; its columns are "
            f"{listed(list(names))}"
        )


def checked_rows(
    batch: pa.RecordBatch, contract: Contract, numerals: Numerals = MappingProxyType({})
) -> CheckedRows:
    """The input columns of a batch, row by row; a column that is absent is empty.

    `numerals` makes numbers of the texts of a column, such as 1234.5 of `1.234,5`.
    """
    inputs = [one for one in contract.columns if one.role == "input"]
    bad: dict[int, str] = {}
    columns = [_cells(batch, one, numerals, bad) for one in inputs]
    names = [one.name for one in inputs]
    rows: list[Input | None] = [
        dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)
    ]
    for place in bad:
        rows[place] = None
    return CheckedRows(rows, bad)


def _cells(
    batch: pa.RecordBatch, column: Column, numerals: Numerals, bad: dict[int, str]
) -> list[Any]:
    if column.name not in batch.schema.names:
        return _one_by_one([None] * batch.num_rows, column, bad)
    cells = batch.column(column.name)
    if column.name in numerals and pa.types.is_string(cells.type):
        coded = cells.dictionary_encode()
        read = pa.array(map(numerals[column.name], coded.dictionary.to_pylist()), pa.string())
        cells = read.take(coded.indices)
    if column.kind == "number" and column.minimum is None and column.maximum is None:
        numbers = _numbers(cells)
        if numbers is not None:
            return numbers
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        return _by_value(cells, column, bad)
    return _one_by_one(cells.to_pylist(), column, bad)


def _numbers(cells: pa.Array) -> list[float] | None:
    """A column of finite numbers without an empty cell; None if it is not in order."""
    if cells.null_count:
        return None
    try:
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            cells = pc.cast(pc.utf8_trim_whitespace(cells), pa.float64())
        elif not (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)):
            return None
    except pa.ArrowException:
        return None
    found = cells.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0
    return found.tolist() if np.isfinite(found).all() else None


def _by_value(cells: pa.Array, column: Column, bad: dict[int, str]) -> list[Any]:
    """Each value is converted once."""
    coded = cells.dictionary_encode()
    problems: dict[int, str] = {}
    known = _one_by_one([*coded.dictionary.to_pylist(), None], column, problems)
    places = coded.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)
    if problems:
        wrong = np.isin(places, list(problems))
        for place in np.flatnonzero(wrong).tolist():
            bad.setdefault(place, problems[int(places[place])])
    if column.kind == "json":  # an app may change what it is given
        return [parsed(known[place], column) for place in places.tolist()]
    return [known[place] for place in places.tolist()]


def _one_by_one(cells: Sequence[Any], column: Column, bad: dict[int, str]) -> list[Any]:
    found: list[Any] = []
    for place, cell in enumerate(cells):
        try:
            value = stored_value(cell, column)
            found.append(value)
        except DataError as error:
            bad.setdefault(place, str(error))
            found.append(None)
    return found
