"""One spelling for equal values: whole numbers, truth values and dates, however they are written.

A category `1` comes as `1.0` from one tool and as 1 from another, and a date with or without its
zone. A model that was trained on one spelling does not know the other.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from numbers import Real
from typing import Any

TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "1.0"})
FALSE = frozenset({"false", "f", "no", "n", "off", "0", "0.0"})
MISSING = frozenset({"na", "n/a", "#n/a", "nan", "nat", "null", "none", "<na>", "?", "-", "."})
"""What tools write for a missing number, truth value or date, in small letters."""
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.0*)?")
_FORMATS = (
    *(f"%Y/%m/%d{time}" for time in ("", " %H:%M", " %H:%M:%S")),
    *(f"%d.%m.%Y{time}" for time in ("", " %H:%M", " %H:%M:%S")),
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%Y-%m",
)  # fmt: skip
"""Besides ISO 8601. `%m/%d/%Y` is missing: it is not known whether the day or the month is first"""
_BEFORE_ZONE = re.compile(r"\s*(UTC|GMT|Z|(?=[+-]\d{2}:?\d{2}$))$")
_UNCLEAR = re.compile(r"\d{1,2}[/-]\d{1,2}[/-](\d{4}|\d{2})(\D.*)?")


def whole_number(text: str) -> str:
    """The text, and of a whole number its shortest spelling: `1.0` becomes `1`, `007` stays."""
    if not _WHOLE.fullmatch(text):
        return text
    digits = text.partition(".")[0].lstrip("+")
    return "0" if digits == "-0" else digits


def truth(value: Any) -> bool | None:
    """Whether it says true or false; None if it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Real):
        return bool(value) if value in (0, 1) else None
    text = value.strip().lower() if isinstance(value, str) else ""
    return True if text in TRUE else False if text in FALSE else None


def date_text(value: Any) -> str | None:
    """A date as ISO 8601, in UTC if it has a zone and without a time if that is midnight without
    a zone; None if it is no date."""
    if isinstance(value, str):
        return _written(value.strip())
    if isinstance(value, datetime):
        return _iso(value)
    return value.isoformat() if isinstance(value, date) else None


def moment(text: str) -> datetime:
    """The point in time of a stored date; one without a zone is taken as UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def has_unclear_order(text: str) -> bool:
    """Whether it looks like a date of which the day or the month may come first: `1/5/2024`."""
    return _UNCLEAR.fullmatch(text.strip()) is not None


@lru_cache(maxsize=100_000)
def _written(text: str) -> str | None:
    if not 6 <= len(text) <= 40:
        return None
    try:
        return _iso(datetime.fromisoformat(_BEFORE_ZONE.sub(_zone, text)))
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return _iso(datetime.strptime(text, form))
        except ValueError:
            continue
    return None


def _zone(match: re.Match[str]) -> str:
    return "Z" if match[1] else ""


def _iso(found: datetime) -> str | None:
    if found.tzinfo is None:
        midnight = not (found.hour or found.minute or found.second or found.microsecond)
        return found.date().isoformat() if midnight else found.isoformat()
    try:
        return found.astimezone(UTC).isoformat()
    except OverflowError:  # at the very end of the calendar
        return None
