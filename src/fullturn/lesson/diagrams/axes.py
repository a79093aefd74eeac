"""Scales, axes and marks shared by the plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fullturn.lesson.diagrams.svg import DIM, FAINT, INK, TICK, Drawing, Place

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to pixels, logarithmically if `log`; values outside are clamped."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = map(self._scaled, (self.low, self.high, value))
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round tick values."""
        if self.log:
            exponents = range(
                math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1
            )
            every = math.ceil(len(exponents) / 5)
            return [10.0**power for power in exponents if power % every == 0]
        step = _round((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, self.low * 1e-3, 1e-300)) if self.log else value


def _round(least: float) -> float:
    power = 10 ** math.floor(math.log10(least))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= least * 0.999))


def powers(value: float) -> str:
    """A power of ten, short."""
    return "10" + str(round(math.log10(value))).translate(_RAISED)


def heights(
    drawing: Drawing, scale: Scale, left: float, right: float,
    form: str | Callable[[float], str] = "{:g}",
) -> None:  # fmt: skip
    """Horizontal grid lines with labels on the left."""
    write = form.format if isinstance(form, str) else form
    for value in scale.ticks():
        y = scale.at(value)
        drawing.line([(left, y), (right, y)], stroke=FAINT, width=1, opacity=0.7)
        drawing.text((left - 10, y + 7), write(value), size=TICK, fill=DIM, anchor="end")


def widths(
    drawing: Drawing, scale: Scale, bottom: float, title: str, form: str = "{:,.0f}"
) -> None:
    """Tick labels of the x axis, and its title."""
    for value in scale.ticks():
        drawing.text((scale.at(value), bottom + 26), form.format(value), size=TICK, fill=DIM)
    middle = (scale.start + scale.end) / 2
    drawing.text((middle, bottom + 52), title, size=TICK, fill=DIM)


def moment(drawing: Drawing, x: float, top: float, bottom: float, words: str,
           anchor: str = "start") -> None:  # fmt: skip
    """A vertical line with a label at the top."""
    drawing.line([(x, top), (x, bottom)], stroke=INK, width=2, dashed=True, opacity=0.8)
    beside = x + (8 if anchor == "start" else -8)
    drawing.text((beside, top + 16), words, size=22, fill=INK, anchor=anchor)


def interval(
    drawing: Drawing, at: Place, ends: tuple[float, float], colour: str, radius: float = 9
) -> None:
    """An estimate with a horizontal interval."""
    (x, y), (low, high) = at, ends
    drawing.line([(low, y), (high, y)], stroke=colour, width=5)
    for end in (low, high):
        drawing.line([(end, y - 9), (end, y + 9)], stroke=colour, width=4)
    drawing.dot((x, y), radius, fill=colour)


def curve(
    drawing: Drawing, points: Sequence[tuple[float, ...]], x: Scale, y: Scale, colour: str
) -> None:
    """A polyline through the points."""
    drawing.line([(x.at(p[0]), y.at(p[1])) for p in points], stroke=colour, width=4)
