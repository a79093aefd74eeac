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
_DAYS = ("%Y/%m/%d", "%d.%m.%Y", "%Y-%m")
"""Days besides those of ISO 8601."""
_WITH_WORDS = (
    *(f"%d {month} {year}" for month in ("%b", "%B") for year in ("%Y", "%y")),
    "%b %d %Y", "%B %d %Y", "%Y %b %d", "%b %Y", "%B %Y",
)  # fmt: skip
"""Days with the month as a word, without the weekday and with blanks for all other marks."""
_ORDERED = {
    True: ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%m-%y"),
    False: ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y"),
}
"""Days whose order must be known, by whether the day comes before the month."""
_WEEKDAY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*[, ]\s*", re.IGNORECASE)
_MARKS = re.compile(r"[-,./]")
_CLOCK = re.compile(
    r"(?P<day>.+?),?[ T]\s*(?P<hour>\d{1,2})(?P<rest>:\d{2}(:\d{2}(\.\d{1,6})?)?)"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>UTC|GMT|Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_BEFORE_ZONE = re.compile(r"\s*(UTC|GMT|Z|(?=[+-]\d{2}:?\d{2}$))$")
_UNCLEAR = re.compile(r"\d{1,2}[/-]\d{1,2}[/-](\d{4}|\d{2})(\D.*)?")


def whole_number(text: str) -> str:
    """The text, and of a whole number its shortest spelling: `1.0` becomes `1`, `007` stays."""
    if not _WHOLE.fullmatch(text):
        return text
    digits = text.partition(".")[0].lstrip("+")
    return "0" if digits == "-0" else digits


def is_number(text: str) -> bool:
    """Whether a text is a number as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def truth(value: Any) -> bool | None:
    """Whether it says true or false; None if it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Real):
        return bool(value) if value in (0, 1) else None
    text = value.strip().lower() if isinstance(value, str) else ""
    return True if text in TRUE else False if text in FALSE else None


def date_text(value: Any, day_first: bool | None = None) -> str | None:
    """A date as ISO 8601, in UTC if it has a zone and without a time if that is midnight without
    a zone; None if it is no date.

    Of `1/5/2024`, `day_first` says which comes first; without it, that is no date.
    """
    if isinstance(value, str):
        return _written(value.strip(), day_first)
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


def is_day_first(text: str) -> bool | None:
    """Whether the day comes first in a date such as `31/12/2023`, which says it itself; None if it
    does not, or is no such date."""
    orders = [order for order in _ORDERED if has_unclear_order(text) and date_text(text, order)]
    return orders[0] if len(orders) == 1 else None


@lru_cache(maxsize=100_000)
def _written(text: str, day_first: bool | None) -> str | None:
    if not 6 <= len(text) <= 40:
        return None
    try:
        return _iso(datetime.fromisoformat(_BEFORE_ZONE.sub(_zone, text)))
    except ValueError:
        pass
    clock = _CLOCK.fullmatch(text)
    day = _day(clock["day"] if clock else text, day_first)
    if day is None:
        return None
    try:
        return _iso(_at(day, clock)) if clock else day.isoformat()
    except ValueError:
        return None


def _day(text: str, day_first: bool | None) -> date | None:
    if any(map(str.isalpha, text)):
        text = " ".join(_MARKS.sub(" ", _WEEKDAY.sub("", text)).split())
        forms = _WITH_WORDS
    else:
        forms = _DAYS if day_first is None else _DAYS + _ORDERED[day_first]
    for form in forms:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _at(day: date, clock: re.Match[str]) -> datetime:
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (clock["half"][0] in "pP")
    zone = "" if not clock["zone"] else clock["zone"] if clock["zone"][0] in "+-" else "Z"
    return datetime.fromisoformat(f"{day}T{hour:02}{clock['rest']}{zone}")


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
