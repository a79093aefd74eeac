"""A small SVG builder, and scales, axes and marks of plots.

Coordinates are pixels of a 1280 × 720 slide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count

INK, DIM, FAINT, PAPER, CARD = "#f4f6f8", "#b4bfca", "#46525f", "#07090c", "#151b22"
TRAIN, DEPLOY, WATCH, AGAIN, DATA = "#5cc8ff", "#ffc857", "#ff8fa3", "#7ee8a2", "#c8adff"
GOOD, BAD, OPEN = "#7ee8a2", "#ff7b7b", "#ffd166"
BODY, SMALL, TICK = 28, 24, 20
"""Font sizes, in pixels."""
Place = tuple[float, float]
_numbers = count(1)


class Drawing:
    """Shapes in drawing order; `title` and `about` are for screen readers."""

    def __init__(self, width: int, height: int, title: str, about: str) -> None:
        self.width, self.height = width, height
        self._title, self._about = title, about
        self._parts: list[str] = []

    def add(self, markup: str) -> None:
        """Add raw SVG."""
        self._parts.append(markup)

    def rect(
        self, at: Place, size: Place, *, fill: str = CARD, edge: str = "none", round_: float = 10,
        width: float = 2.5, dashed: bool = False,
    ) -> None:  # fmt: skip
        """A rectangle."""
        dash = ' stroke-dasharray="7 7"' if dashed else ""
        self.add(
            f'<rect x="{at[0]:g}" y="{at[1]:g}" width="{size[0]:g}" height="{size[1]:g}" '
            f'rx="{round_:g}" fill="{fill}" stroke="{edge}" stroke-width="{width:g}"{dash}/>'
        )

    def text(
        self, at: Place, words: str, *, size: float = BODY, fill: str = INK,
        anchor: str = "middle", weight: int = 400, mono: bool = False,
    ) -> None:  # fmt: skip
        """One line of text; `at` is on its baseline."""
        face = ' class="mono"' if mono else ""
        self.add(
            f'<text x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}" fill="{fill}" '
            f'text-anchor="{anchor}" font-weight="{weight}"{face}>{escape(words)}</text>'
        )

    def box(
        self, at: Place, size: Place, lines: Sequence[tuple[str, str]], *, edge: str,
        fill: str = CARD, anchor: str = "middle",
    ) -> None:  # fmt: skip
        """A rectangle with centred lines of text; each line has a style from `STYLES`."""
        self.add('<g class="box">')
        self.rect(at, size, fill=fill, edge=edge)
        heights = [STYLES[style][0] * 1.28 for _, style in lines]
        y = at[1] + (size[1] - sum(heights)) / 2
        x = at[0] + (size[0] / 2 if anchor == "middle" else 18)
        for (words, style), height in zip(lines, heights, strict=True):
            points, colour, weight, mono = STYLES[style]
            base = y + height * 0.76
            fill_ = edge if style == "name" else colour
            self.text(
                (x, base), words, size=points, fill=fill_, anchor=anchor, weight=weight, mono=mono
            )
            y += height
        self.add("</g>")

    def line(
        self, points: Iterable[Place], *, stroke: str = DIM, width: float = 3,
        dashed: bool = False, arrow: bool = False, opacity: float = 1,
    ) -> None:  # fmt: skip
        """A polyline."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = ' stroke-dasharray="8 7"' if dashed else ""
        head = f' marker-end="{self._head(stroke, width)}"' if arrow else ""
        self.add(
            f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width:g}" '
            f'stroke-linejoin="round" stroke-opacity="{opacity:g}"{dash}{head}/>'
        )

    def path(self, d: str, *, stroke: str, width: float = 3, arrow: bool = False) -> None:
        """An SVG path."""
        head = f' marker-end="{self._head(stroke, width)}"' if arrow else ""
        self.add(f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}"{head}/>')

    def area(self, points: Iterable[Place], *, fill: str, opacity: float = 0.22) -> None:
        """A filled polygon."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.add(f'<polygon points="{path}" fill="{fill}" fill-opacity="{opacity:g}"/>')

    def dot(self, at: Place, radius: float, *, fill: str, edge: str = "none") -> None:
        """A circle."""
        self.add(
            f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="{radius:g}" fill="{fill}" '
            f'stroke="{edge}" stroke-width="3"/>'
        )

    def _head(self, colour: str, width: float) -> str:
        size = 10 + 2 * width
        name = f"arrow-{next(_numbers)}"
        self.add(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="{size:g}" '
            f'markerHeight="{size:g}" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            f'<path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
        )
        return f"url(#{name})"

    def __str__(self) -> str:
        """The SVG markup."""
        name = f"drawing-{next(_numbers)}"
        return (
            f'<svg class="drawing" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(self._title)}</title>'
            f'<desc id="{name}-d">{escape(self._about)}</desc>{"".join(self._parts)}</svg>'
        )


STYLES: dict[str, tuple[int, str, int, bool]] = {
    "name": (30, INK, 600, False),
    "say": (26, INK, 400, False),
    "small": (23, DIM, 400, False),
    "code": (22, DIM, 400, True),
}
"""Size, colour, weight and whether it is code; names take the colour of their box."""


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
