"""JSON from outside: whatever the text is, the error is one that is expected."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from fullturn.core.errors import DataError
from fullturn.core.wording import shown


def from_json(text: str | bytes) -> Any:
    """The parsed value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_object(line: str | bytes, place: str) -> dict[str, Any]:
    """The object on a line of JSON lines; `place` names the line in errors.

    Raises:
        DataError: it is something else.
    """
    try:
        row = from_json(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON: {error}; write one object a line") from None
    if not isinstance(row, dict):
        raise DataError(f"{place}: {shown(row)} is not a JSON object; write one object a line")
    return row


def toml_value(text: str) -> str | int | float | bool:
    """A value as TOML reads it, or the text itself."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # no TOML, or a whole number of thousands of digits
        return text
    return value if isinstance(value, str | int | float | bool) else text
