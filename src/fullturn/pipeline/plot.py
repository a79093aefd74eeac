"""Intervals against zero and the margin, drawn with characters: at most 80 columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from fullturn.core.markup import plain
from fullturn.pipeline.numbers import interval, signed
from fullturn.pipeline.records import Difference

_NAME, _AXIS = 21, 33
_LEAST = 0.02
"""Half the axis is at least this wide, in score points: tiny differences should look tiny."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Score points from `low` to `high` on so many columns."""

    low: float
    high: float

    def column(self, value: float) -> int:
        """Where a value stands, 0 … columns - 1."""
        share = (value - self.low) / (self.high - self.low)
        return min(_AXIS - 1, max(0, round(share * (_AXIS - 1))))


def drawn(differences: Sequence[Difference], margin: float) -> list[str]:
    """A line for each difference, then what the two vertical lines mean."""
    axis = _axis(differences, margin)
    lines = [_line(each, axis, margin) for each in differences]
    line = f"┊ {signed(-margin)}, the margin   " if margin else ""
    return [*lines, f"{'':{_NAME}} {line}│ no difference"]


def _axis(differences: Sequence[Difference], margin: float) -> Axis:
    low = min([-_LEAST, -1.2 * margin, *(each.low for each in differences)])
    high = max([_LEAST, *(each.high for each in differences)])
    return Axis(low, high)


def _line(of: Difference, axis: Axis, margin: float) -> str:
    cells = [" "] * _AXIS
    low, middle, high = (axis.column(value) for value in (of.low, of.estimate, of.high))
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[low], cells[high] = "├", "┤"
    for value, alone, crossed in ((-margin, "┊", "┼"), (0.0, "│", "┼")):
        column = axis.column(value)
        cells[column] = {" ": alone, "─": crossed}.get(cells[column], cells[column])
    cells[middle] = "●"
    return f"{_padded(of.name)} {''.join(cells)} {signed(of.estimate)} {interval(of)}"


def _padded(name: str) -> str:
    """A name on exactly the columns that it has; fences cannot end in it."""
    kept, width = "", 0
    for letter in plain(name).replace("`", "'"):
        width += _width(letter)
        if width > _NAME:
            while kept and sum(map(_width, kept)) >= _NAME:
                kept = kept[:-1]
            kept += "…"
            break
        kept += letter
    return kept + " " * (_NAME - sum(map(_width, kept)))


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or letter in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
