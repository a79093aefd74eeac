"""From the body of a request to rows that the contract allows.

What is wrong with the form of a body is a `Malformed`, which its sender has to correct. What is
wrong with a row breaks the contract: the sender gets the reason; the row is counted and logged.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from fullturn.core.entities import Column, Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.values import parsed, stored_value
from fullturn.core.wording import cut, listed, nearest, shown

KEY_LENGTH = 200
MOST_SHOWN, EXAMPLE_LENGTH = 5, 200
"""Columns and letters of the example in a message, at most."""
MOST_IGNORED, NAME_LENGTH = 20, 100
"""Columns that a reply says were ignored, and letters of each of their names, at most."""
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


LOGGED_BYTES = 100_000
"""How much of a row that breaks the contract is logged."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows as the contract defines them; or as they came, with the reason why they break it."""

    rows: Sequence[Input]
    refused: str | None = None
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Columns that the contract does not have, with the number of rows that have them."""
    extended: int = 0
    """Rows that have such columns."""


class Rows:
    """Checks rows against a contract, cell by cell; ordinary cells take a fast path.

    Columns that are not required may be absent. Columns that the contract does not have are
    ignored, and counted. `lenient` reads numbers as MLflow does: true is 1, and false is 0.
    """

    def __init__(self, contract: Contract, *, lenient: bool = False) -> None:
        columns = [column for column in contract.columns if column.role == "input"]
        self._cells = {c.name: _lenient(c) if lenient else _cell(c) for c in columns}
        self._required = [column.name for column in columns if column.required]

    def checked(self, rows: Sequence[Any]) -> Checked:
        """The rows as the contract defines them; if one breaks it, all as they came."""
        cells = self._cells
        made: list[Input] = []
        ignored: dict[str, int] = {}
        extended = 0
        for number, row in enumerate(rows, 1):
            try:
                if not isinstance(row, dict):
                    raise DataError(f"a row is {shown(row)}; send an object, a value by column")
                if row.keys() == cells.keys():
                    made.append({name: cell(row[name]) for name, cell in cells.items()})
                    continue
                self.require(row)
                made.append({name: cell(row.get(name)) for name, cell in cells.items()})
                extended += _count(row, cells, ignored)
            except DataError as error:
                place = f"row {number} of {len(rows)}: " if len(rows) > 1 else ""
                return Checked([_shortened(one) for one in rows], f"{place}{error}")
        return Checked(made, None, ignored, extended)

    def require(self, names: Collection[Any]) -> None:
        """Make sure that every required column is among these.

        Raises:
            DataError: one is not.
        """
        missing = [name for name in self._required if name not in names]
        if missing:
            others = [name for name in names if isinstance(name, str) and name not in self._cells]
            similar = [
                cut(one, NAME_LENGTH) for one in others[:MOST_SHOWN] if nearest(one, missing)
            ]
            near = f" and has '{similar[0]}'" if similar else ""
            columns = listed([*self._cells], 20)
            lacks = listed([f"'{name}'" for name in missing])
            raise DataError(f"a row lacks {lacks}{near}; its columns are {columns}")


def _count(row: Mapping[str, Any], cells: Mapping[str, Any], ignored: dict[str, int]) -> bool:
    """Count the columns of a row that are not known; whether it has any."""
    extra = [name for name in row if name not in cells]
    for name in extra:
        short = cut(name, NAME_LENGTH)
        if short in ignored or len(ignored) < MOST_IGNORED:
            ignored[short] = ignored.get(short, 0) + 1
    return bool(extra)


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


def _lenient(column: Column) -> Callable[[Any], Any]:
    cell = _cell(column)
    if column.kind != "number":
        return cell
    return lambda value: cell(float(value) if isinstance(value, bool) else value)


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
