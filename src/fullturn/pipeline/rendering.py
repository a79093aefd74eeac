"""Numbers, intervals drawn with characters, and the lengths of lists in the report."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Sized
from dataclasses import dataclass

from fullturn.core.wording import plain
from fullturn.metrics import metric
from fullturn.pipeline.records import Difference

MINUS = "−"


def signed(value: float, unit: str = metric.SHARE) -> str:
    """A difference with its sign."""
    return metric.signed(value + 0.0, unit).replace("-", MINUS)


def level(value: float, unit: str = metric.SHARE) -> str:
    """A metric of one side."""
    return metric.number(value, unit)


def interval(of: Difference) -> str:
    """Both bounds."""
    return f"[{signed(of.low, of.unit)}, {signed(of.high, of.unit)}]"


def percent(share: float) -> str:
    """A share, such as a confidence."""
    return f"{100 * share:.4g} %"


def amount(value: float | None, unit: str) -> str:
    """A cost with its unit, to three digits; a dash where it is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def reading(of: Difference, margin: float) -> str:
    """What an interval says about the candidate; a metric's own margin takes precedence."""
    margin = margin if of.margin is None else of.margin
    if of.low > 0:
        return "better"
    if of.high < -margin:
        return "worse by more than the margin" if margin else "worse"
    if of.low >= -margin:
        return "worse, within the margin" if of.high < 0 else "not worse"
    return "worse, margin not excluded" if of.high < 0 else "inconclusive"


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """At most: entries of a list, flipped rows each way, checks, characters of a text."""

    lists: int
    flips: int
    checks: int
    text: int


LIMITS = (
    ReportLimits(20, 10, 40, 300),
    ReportLimits(12, 6, 30, 160),
    ReportLimits(6, 3, 20, 80),
    ReportLimits(3, 2, 5, 60),
)
"""The first with which the page is short enough is used; with the last one it always is."""


def left_out(entries: Sized, most: int) -> str:
    """A line on what a list does not show; empty if it shows all."""
    left = len(entries) - most
    return f"… and {left:,} more, not shown; all are in the report's JSON." if left > 0 else ""


_NAME, _AXIS = 21, 33
_LEAST = 0.02
"""Half the axis is at least this wide, in score points: tiny differences must look tiny."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Score points from `low` to `high` on so many columns."""

    low: float
    high: float

    def column(self, value: float) -> int:
        """Column of a value, 0 … columns - 1."""
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
    """A name, cut or padded to its column; it cannot end a code fence."""
    shown, width = "", 0
    for letter in plain(name).replace("`", "'"):
        width += _width(letter)
        if width > _NAME:
            while shown and sum(map(_width, shown)) >= _NAME:
                shown = shown[:-1]
            shown += "…"
            break
        shown += letter
    return shown + " " * (_NAME - sum(map(_width, shown)))


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or letter in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
