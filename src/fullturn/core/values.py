"""One cell against its column: the stored value, or what is wrong with it."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from fullturn.core.entities import Column, Contract, Input
from fullturn.core.errors import DataError
from fullturn.core.spelling import MISSING, date_text, has_unclear_order, truth, whole_number
from fullturn.core.wording import listed, nearest, shown

Value = str | float | None
"""What the table stores: JSON columns as canonical JSON text."""
_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
)


def checked(row: Input, contract: Contract) -> Input:
    """The row as a dataset version would store it: no cell is empty, too long or out of range.

    Columns that are not required may be absent.

    Raises:
        DataError: it lacks an input column, has another, or a cell breaks its column.
    """
    columns = {column.name: column for column in contract.columns if column.role == "input"}
    if row.keys() != columns.keys():
        _check_names(row, columns)
    return {
        name: parsed(stored_value(row.get(name), column), column)
        for name, column in columns.items()
    }


def _check_names(row: Input, columns: Mapping[str, Column]) -> None:
    lacking = [one.name for one in columns.values() if one.required and one.name not in row]
    unknown = [name for name in row if name not in columns]
    problems = [f"lacks {listed([repr(name) for name in lacking])}"] if lacking else []
    if unknown:
        hint = nearest(str(unknown[0]), lacking or list(columns))
        problems.append(f"has {shown(unknown[0])}, which is no input column{hint}")
    if problems:
        raise DataError(f"a row {' and '.join(problems)}; its columns are {listed([*columns], 20)}")


def stored_value(value: Any, column: Column) -> Value:
    """A cell as it is stored: NFC text, a trimmed category, a finite float, 'true' or 'false', a
    date in ISO 8601, or JSON text.

    NaN is a missing value; so is what tools write for one, in a column of numbers, truth values
    or dates.

    Raises:
        DataError: the cell breaks its column; the message leaves out its place.
    """
    if _is_empty(value):
        if column.required:
            raise DataError(f"'{column.name}' is empty; fill it or drop the row")
        return None
    if _is_missing(value, column):
        if column.required:
            raise DataError(
                f"'{column.name}' is {_as_written(value)}, which some tools write for a missing "
                "value; fill it or drop the row"
            )
        return None
    return _CONVERT[column.kind](value, column)


def stored_values(cells: Sequence[Any], column: Column) -> tuple[list[Value], dict[int, str]]:
    """`stored_value` of the cells of one column, and what is wrong with cells, by their number.

    Columns of ordinary cells take a shorter way to the same values.
    """
    types = set(map(type, cells))
    if column.kind == "number" and types <= {str, int, float}:
        numbers = _numbers(cells, column, str in types)
        if numbers is not None:
            return numbers, {}
    if column.kind in ("category", "boolean", "date") and types <= {str, type(None)}:
        different = list(set(cells))
        if len(different) <= len(cells) / 2:
            values, wrong = _each(different, column)
            known = dict(zip(different, values, strict=True))
            bad = {different[place]: why for place, why in wrong.items()}
            problems = {n: bad[cell] for n, cell in enumerate(cells) if cell in bad} if bad else {}
            return [known[cell] for cell in cells], problems
    return _each(cells, column)


def _each(cells: Sequence[Any], column: Column) -> tuple[list[Value], dict[int, str]]:
    values: list[Value] = []
    problems: dict[int, str] = {}
    convert = _text_converter(column) if column.kind == "text" else stored_value
    for number, cell in enumerate(cells):
        try:
            values.append(convert(cell, column))
        except DataError as error:
            values.append(None)
            problems[number] = str(error)
    return values, problems


def _numbers(cells: Sequence[Any], column: Column, written: bool) -> list[Value] | None:
    """Numbers of which all are ordinary; None if one may not be."""
    if written and any("_" in cell for cell in cells if type(cell) is str):
        return None
    try:
        numbers = [float(cell) + 0.0 for cell in cells]
    except (ValueError, OverflowError):
        return None
    least = -sys.float_info.max if column.minimum is None else column.minimum
    most = sys.float_info.max if column.maximum is None else column.maximum
    ordinary = all(map(math.isfinite, numbers)) and (
        not numbers or (least <= min(numbers) and max(numbers) <= most)
    )
    return [*numbers] if ordinary else None


def _text_converter(column: Column) -> Callable[[Any, Column], Value]:
    most = column.max_length

    def cell(value: Any, column: Column) -> Value:
        short = type(value) is str and value.isascii() and len(value) <= most
        if short and len(value.strip()) > 3:  # neither empty nor "NaN"
            return str(value)
        return stored_value(value, column)

    return cell


def extra_text(value: Any) -> str | None:
    """A cell that no model reads, as text: never refused, equal values alike."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return whole_number(repr(value))
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, list | dict):
        value = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    text = value.hex() if isinstance(value, bytes) else str(value)
    whole = text.encode("utf-8", "backslashreplace").decode()
    return unicodedata.normalize("NFC", whole) if text.strip() else None


def parsed(value: Value, column: Column) -> Any:
    """A stored value as an app sees it: JSON columns become lists and objects again."""
    return json.loads(value) if column.kind == "json" and isinstance(value, str) else value


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, floats by repr, and text in Unicode form NFC.

    Raises:
        ValueError: a number is not finite.
    """
    return unicodedata.normalize("NFC", _ENCODER.encode(value))


def number_texts(values: Sequence[float]) -> list[str]:
    """`repr` of each number; of many ordinary ones, several times as quick."""
    import orjson  # not needed to read settings

    text = orjson.dumps(values).decode()
    # What orjson may write otherwise: tiny and huge numbers, and those that are not finite.
    if not values or "0.0000" in text or "e" in text or "n" in text:
        return list(map(repr, values))
    return text[1:-1].split(",")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_missing(value: Any, column: Column) -> bool:
    if isinstance(value, str):
        text = value.strip()
        if column.kind in _WITH_MARKERS:
            return text.lower() in MISSING
        return text in ("nan", "NaN") and value not in column.allowed
    return isinstance(value, float | Decimal) and math.isnan(value)


def _as_written(value: Any) -> str:
    return value.strip() if isinstance(value, str) and value.strip() != "nan" else "NaN"


def _text(value: Any, column: Column) -> str:
    if not isinstance(value, str):
        raise DataError(f"'{column.name}' is {shown(value)}, not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"'{column.name}' contains half a surrogate pair, not text") from None
    if len(value) > column.max_length:
        raise DataError(
            f"'{column.name}' has {len(value):,} characters, at most {column.max_length:,} are "
            "allowed; shorten it"
        )
    return unicodedata.normalize("NFC", value)


def _category(value: Any, column: Column) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, Integral):
        value = str(value)
    elif isinstance(value, float) and math.isfinite(value):
        value = whole_number(repr(float(value)))
    text = _text(value, column).strip()
    if column.plain_numbers:
        text = whole_number(text)
    if column.allowed and text not in column.allowed:
        raise DataError(
            f"'{column.name}' is {shown(text)}, not one of {listed(column.allowed)}"
            f"{nearest(text, column.allowed)}"
        )
    return text


def _number(value: Any, column: Column) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
            raise TypeError
        if "_" in str(value):
            raise ValueError
        number = float(value) + 0.0  # -0.0 becomes 0.0: equal numbers, equal digests
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"'{column.name}' is {shown(value)}, not a number") from None
    if not math.isfinite(number):
        raise DataError(f"'{column.name}' is {shown(value)}; it must be finite")
    if column.minimum is not None and number < column.minimum:
        raise DataError(f"'{column.name}' is {number:g}; it must be at least {column.minimum:g}")
    if column.maximum is not None and number > column.maximum:
        raise DataError(f"'{column.name}' is {number:g}; it must be at most {column.maximum:g}")
    return number


def _boolean(value: Any, column: Column) -> str:
    found = truth(value)
    if found is None:
        raise DataError(
            f"'{column.name}' is {shown(value)}, not true or false; write true, yes or 1, and "
            "false, no or 0"
        )
    return "true" if found else "false"


def _date(value: Any, column: Column) -> str:
    found = date_text(value, column.day_first)
    if found is None:
        raise DataError(
            f"'{column.name}' = {shown(value)} {_no_date(value, column.day_first)} write it as "
            "YYYY-MM-DD, a time as YYYY-MM-DDThh:mm:ss"
        )
    return found


def _no_date(value: Any, day_first: bool | None) -> str:
    if not (isinstance(value, str) and has_unclear_order(value)):
        return "is not a date;"
    if day_first is None:
        return "may begin with the day or the month; set day_first = true or false in [data], or"
    return f"is no date with the {'day' if day_first else 'month'} first;"


def _json(value: Any, column: Column) -> str:
    try:
        content = json.loads(value) if isinstance(value, str) else value
        if not isinstance(content, list | dict):
            raise ValueError("neither a list nor an object")
        return _text(canonical(content), column)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"'{column.name}' is {shown(value)}, not JSON: {error}") from None


_CONVERT: dict[str, Callable[[Any, Column], Value]] = {
    "text": _text,
    "category": _category,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "json": _json,
}
_WITH_MARKERS = frozenset({"number", "boolean", "date"})


def as_label(value: Any) -> str:
    """A label as text: 1.0 and 1 are the same, and so are True and 'true'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
