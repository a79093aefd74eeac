"""Rows of a request against the contract, as `values.checked` does it, only faster."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fullturn.core.entities import Column, Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.values import checked, parsed, stored_value
from fullturn.core.wording import shown

LOGGED_BYTES = 100_000
"""So much of a row that breaks the contract is kept."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows as the contract wants them; or as they came, and the first reason that they break it."""

    rows: Sequence[Input]
    refused: str | None = None


class Rows:
    """Checks rows against a contract as `values.checked` does; ordinary cells take a short way."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._cells = {c.name: _cell(c) for c in contract.columns if c.role == "input"}

    def checked(self, rows: Sequence[Any]) -> Checked:
        """The rows as the contract wants them; if one breaks it, all as they came."""
        cells = self._cells
        made: list[Input] = []
        for number, row in enumerate(rows, 1):
            try:
                if not isinstance(row, dict):
                    raise DataError(f"a row is {shown(row)}; send an object, a value by column")
                if row.keys() != cells.keys():
                    checked(row, self._contract)
                made.append({name: cell(row[name]) for name, cell in cells.items()})
            except DataError as error:
                place = f"row {number} of {len(rows)}: " if len(rows) > 1 else ""
                return Checked([_kept(one) for one in rows], f"{place}{error}")
        return Checked(made)


def _cell(column: Column) -> Callable[[Any], Any]:
    """Takes a cell to what the contract stores; raises DataError if it breaks its column."""
    if column.kind == "number":
        return _number(column)
    if column.kind == "text":
        return _text(column)
    return _other(column)


def _number(column: Column) -> Callable[[Any], Any]:
    least = -sys.float_info.max if column.minimum is None else column.minimum
    most = sys.float_info.max if column.maximum is None else column.maximum
    if not math.isfinite(least) or not math.isfinite(most):
        return lambda value: stored_value(value, column)

    def cell(value: Any) -> Any:
        kind = type(value)
        if (kind is float or kind is int) and least <= value <= most:
            return value + 0.0
        return stored_value(value, column)

    return cell


def _text(column: Column) -> Callable[[Any], Any]:
    def cell(value: Any) -> Any:
        short = type(value) is str and value.isascii() and len(value) <= column.max_length
        if short and len(value.strip()) > 3:  # neither empty nor "NaN"
            return value
        return stored_value(value, column)

    return cell


def _other(column: Column) -> Callable[[Any], Any]:
    def cell(value: Any) -> Any:
        found = parsed(stored_value(value, column), column)
        try:
            orjson.dumps(found)
        except TypeError as error:
            raise DataError(f"'{column.name}' cannot be logged: {error}; flatten it") from None
        return found

    return cell


def _kept(row: Any) -> Input:
    """A row that breaks the contract as it is logged: it may be anything, of any size."""
    try:
        if isinstance(row, dict) and len(orjson.dumps(row)) <= LOGGED_BYTES:
            return row
    except TypeError:  # nested too deeply
        pass
    return {"refused": shown(row)[:200]}
