"""From the body of a request to rows that the contract allows.

What is wrong with the form of a body is a `Malformed`, which its sender has to correct. What is
wrong with a row breaks the contract: the sender gets the reason; the row is counted and logged.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fullturn.core.entities import Column, Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.values import checked, parsed, stored_value
from fullturn.core.wording import nearest, shown

KEY_LENGTH = 200
MOST_SHOWN, EXAMPLE_LENGTH = 5, 200
"""Columns and letters of the example in a message, at most."""
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""How MLflow's scoring protocol may send rows."""


class Malformed(Exception):
    """The body is not what the route takes; `status` is 400 if it is not JSON, else 422."""

    def __init__(self, reason: str, status: int = 422) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: its rows, and the entity that asks."""

    rows: Sequence[Any]
    key: str = ""


def fields(body: bytes, instead: str = "send an object") -> dict[str, Any]:
    """The JSON object in a body; `instead` says what to send if it is not JSON.

    Raises:
        Malformed: it is not JSON, or not an object.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}; {instead}", 400) from None
    if not isinstance(found, dict):
        raise Malformed(f"the body is {shown(found)}; send an object, as /openapi.json describes")
    return found


def reject_unknown(found: Mapping[str, Any], *known: str) -> None:
    """Refuse unknown fields.

    Raises:
        Malformed: there is one.
    """
    for name in found:
        if name not in known:
            raise Malformed(
                f"unknown field '{name}'{nearest(name, known)}; known: {', '.join(known)}"
            )


def of_predict(body: bytes) -> Asked:
    """`{"inputs": [{column: value}], "key": …}`.

    Raises:
        Malformed: it is something else.
    """
    found = fields(body)
    if len(found) > 1 or "inputs" not in found:
        _refuse_bare_row(found)
        reject_unknown(found, "inputs", "key")
    return Asked(_rows(found, "inputs"), key_of(found.get("key")))


def _refuse_bare_row(found: Mapping[str, Any]) -> None:
    """Refuse a row sent without its envelope; the message shows the row inside it."""
    names = [name for name in found if name != "key"]
    if not names or "inputs" in found or nearest(names[0], ["inputs"]):
        return
    if names[0] in FORMS:
        raise Malformed(f"unknown field '{names[0]}'; known: inputs, key; /invocations takes it")
    cells = {name: _plain(found[name]) for name in names[:MOST_SHOWN]}
    example = orjson.dumps({"inputs": [cells]}).decode()
    if len(example) <= EXAMPLE_LENGTH:
        known = f"known: inputs, key; a row goes inside: {example}"
        raise Malformed(f"unknown field '{names[0]}'; {known}")


def _plain(cell: Any) -> Any:
    short = isinstance(cell, str) and len(cell) <= 40
    return cell if short or isinstance(cell, int | float | None) else "…"


def of_invocations(body: bytes) -> Asked:
    """One of MLflow's four forms, and optionally `key`; other fields are ignored, as MLflow does.

    Raises:
        Malformed: it is something else, such as MLflow's CSV.
    """
    found = fields(body, "MLflow's CSV is not supported: send JSON, such as dataframe_split")
    named = [form for form in FORMS if form in found]
    if len(named) != 1:
        raise Malformed(f"send exactly one of {', '.join(FORMS)}, not {named or list(found)[:5]}")
    content = found[named[0]]
    if named[0] == "dataframe_split":
        rows: Sequence[Any] = list(_split(content))
    elif isinstance(content, dict) and named[0] != "dataframe_records":
        rows = list(_columns(content, named[0]))
    else:
        rows = _rows(found, named[0])
    if not rows:
        raise Malformed(f"'{named[0]}' contains no row; send at least one")
    return Asked(rows, key_of(found.get("key")))


def key_of(value: Any) -> str:
    """The entity that asks; empty if none is named.

    Raises:
        Malformed: it is neither a text nor a whole number, or too long.
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        value = int(value)  # 1.0 is a whole number in JSON
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Malformed(f"key = {shown(value)}; send a text or a whole number of 64 bits")
    text = str(value)
    if len(text) > KEY_LENGTH:
        raise Malformed(f"the key has {len(text)} characters; at most {KEY_LENGTH} are allowed")
    return text


def _rows(found: Mapping[str, Any], name: str) -> Sequence[Any]:
    rows = found.get(name)
    if not isinstance(rows, list):
        raise Malformed(f"'{name}' is {shown(rows)}; send a list of rows, each an object")
    if not rows:
        raise Malformed(f"'{name}' contains no row; send at least one")
    return rows


def _split(content: Any) -> Iterator[dict[str, Any]]:
    """Rows of pandas' split form: column names beside lists of cells."""
    columns, data = _parts(content)
    for cells in data:
        if not isinstance(cells, list) or len(cells) != len(columns):
            raise Malformed(
                f"a row of dataframe_split is {shown(cells)}; it needs {len(columns)} cells"
            )
        yield dict(zip(columns, cells, strict=True))


def _parts(content: Any) -> tuple[list[str], list[Any]]:
    found = content if isinstance(content, dict) else {}
    columns, data = found.get("columns"), found.get("data")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise Malformed(f"columns of dataframe_split are {shown(columns)}; send a list of names")
    if not isinstance(data, list):
        raise Malformed(f"data of dataframe_split is {shown(data)}; send a list of lists")
    return columns, data


def _columns(content: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Rows from one list of cells for each column."""
    for column, cells in content.items():
        if not isinstance(cells, list):
            raise Malformed(
                f"column '{column}' of '{name}' is {shown(cells)}; send a list of cells"
            )
    if len({len(cells) for cells in content.values()}) > 1:
        raise Malformed(f"the columns of '{name}' are not equally long")
    for row in zip(*content.values(), strict=True):
        yield dict(zip(content, row, strict=True))


LOGGED_BYTES = 100_000
"""How much of a row that breaks the contract is logged."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows as the contract defines them; or as they came, with the reason why they break it."""

    rows: Sequence[Input]
    refused: str | None = None


class Rows:
    """Checks rows against a contract as `values.checked` does; ordinary cells take a fast path."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._cells = {c.name: _cell(c) for c in contract.columns if c.role == "input"}

    def checked(self, rows: Sequence[Any]) -> Checked:
        """The rows as the contract defines them; if one breaks it, all as they came."""
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
                return Checked([_shortened(one) for one in rows], f"{place}{error}")
        return Checked(made)


def _cell(column: Column) -> Callable[[Any], Any]:
    """Converts a cell to the value that is stored; raises DataError if it breaks its column."""
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


def _shortened(row: Any) -> Input:
    """A row that breaks the contract as it is logged: it may be anything, of any size."""
    try:
        if isinstance(row, dict) and len(orjson.dumps(row)) <= LOGGED_BYTES:
            return row
    except TypeError:  # nested too deeply
        pass
    return {"refused": shown(row)[:200]}
