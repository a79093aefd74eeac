"""Cells as numbers, column by column: what a column had in training decides how it is read.

The matrix has NaN where a cell is missing. A category becomes the place of its value among the
frequent ones, in alphabetical order; all others, and those that never occurred in training, have
the place after the last. A date becomes parts that a model can use.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fullturn.core.errors import DataError
from fullturn.core.wording import shown

Floats = NDArray[np.float64]
Kind = Literal["number", "category", "date"]
"""What a cell is to a model; a boolean is a category of two values."""
RARE = 3
"""A category of fewer training rows counts as one of the others."""
MOST_KNOWN = 50_000
"""Of a column with more categories, it is not recorded which values occurred."""
_SHOWN = 100
_DATE_PARTS = ("days", "month", "day", "weekday", "hour")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ColumnCode:
    """A column, and how its cells become numbers.

    `values` are the categories with a place of their own; `known` are all of training, None if
    they are too many.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    _places: dict[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = {value: float(place) for place, value in enumerate(self.values)}
        object.__setattr__(self, "_places", places)

    @classmethod
    def learn(cls, name: str, kind: str, cells: Sequence[Any], most: int) -> Self:
        """From the training cells; a boolean, too, is a category."""
        if kind in ("number", "date"):
            return cls(name, kind)  # type: ignore[arg-type]
        counts = Counter[str]()
        for cell, count in Counter(cells).items():
            if text := as_category(cell):
                counts[text] += count
        ranked = sorted(counts, key=lambda value: (-counts[value], value))[:most]
        frequent = sorted(value for value in ranked if counts[value] >= RARE)
        known = frozenset(counts) if len(counts) <= MOST_KNOWN else None
        return cls(name, "category", tuple(frequent), known)

    @property
    def width(self) -> int:
        """How many columns of the matrix it fills."""
        return len(_DATE_PARTS) if self.kind == "date" else 1

    def read(self, cells: Sequence[Any]) -> Floats:
        """The cells as numbers, [n, width].

        Raises:
            DataError: a cell is not of the column's kind.
        """
        if self.kind == "category":
            return self._codes(cells)[:, None]
        try:
            found = _numbers(cells) if self.kind == "number" else _dates(cells)
        except (TypeError, ValueError, OverflowError):
            read = _numbers if self.kind == "number" else _dates
            wrong = next(cell for cell in cells if not _is_readable(read, cell))
            raise DataError(f"'{self.name}' is {shown(wrong)}, not a {self.kind}") from None
        return found.reshape(len(cells), self.width)

    def _codes(self, cells: Sequence[Any]) -> Floats:
        other, places = float(len(self.values)), self._places

        def place(cell: Any) -> float:
            text = as_category(cell)
            return math.nan if text is None else places.get(text, other)

        known = {cell: place(cell) for cell in set(cells)}
        return np.array([known[cell] for cell in cells], dtype=np.float64)

    def unseen(self, cells: Sequence[Any]) -> Iterator[tuple[int, str]]:
        """The categories that never occurred in training: place of the cell, shortened text."""
        if self.kind != "category" or self.known is None:
            return
        texts = {cell: as_category(cell) for cell in set(cells)}
        odd = {cell for cell, text in texts.items() if text is not None and text not in self.known}
        for place, cell in enumerate(cells) if odd else ():
            if cell in odd:
                yield place, str(texts[cell])[:_SHOWN]


def as_category(cell: Any) -> str | None:
    """A category as the data has it; None for a missing one."""
    if type(cell) is str:
        return cell or None
    if cell is None or cell != cell:  # noqa: PLR0124  NaN, and pandas' NaT
        return None
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell)).lower()
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def _numbers(cells: Sequence[Any]) -> Floats:
    numbers = np.array(cells, dtype=np.float64)  # None is NaN
    if np.isinf(numbers).any():
        raise ValueError
    return numbers


def _dates(cells: Sequence[Any]) -> Floats:
    places = {cell: place for place, cell in enumerate(set(cells))}
    parts = np.array([_date(cell) for cell in places], dtype=np.float64)
    return parts[[places[cell] for cell in cells]]


def _date(cell: Any) -> tuple[float, ...]:
    """Days since 1970, and the parts that come again: month, day, weekday and hour."""
    if cell is None or cell != cell:  # noqa: PLR0124
        return (math.nan,) * len(_DATE_PARTS)
    at = _moment(cell)
    days = (at - _EPOCH).total_seconds() / 86_400
    return days, at.month, at.day, at.weekday(), at.hour + at.minute / 60


def _moment(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        found = cell
    elif isinstance(cell, date):
        found = datetime(cell.year, cell.month, cell.day)
    else:
        found = datetime.fromisoformat(cell)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _is_readable(read: Callable[[Sequence[Any]], Floats], cell: Any) -> bool:
    try:
        read([cell])
    except (TypeError, ValueError, OverflowError):
        return False
    return True
