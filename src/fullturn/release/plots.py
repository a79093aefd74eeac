"""Charts of a release report: evidence and differences over requests.

Only geometry is decided here, in per cent of width and height; `report.html.jinja` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fullturn.release.records import Decision, Reading

_FLOOR = 1e-3
"""Smaller evidence is drawn at the bottom: it is negligible."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to per cent; values outside are clamped."""

    low: float
    high: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in per cent."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one guardrail; `tone` is a class of the page's style."""

    name: str
    tone: str
    note: str
    points: tuple[Point, ...]
    band: tuple[Point, ...] = ()
    """The outline of an interval around it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over requests, and a limit to stay below. Heights count from the top."""

    title: str
    lines: tuple[Line, ...]
    limit: Tick
    heights: tuple[Tick, ...]
    requests: tuple[Tick, ...]
    borders: tuple[Tick, ...]
    """Where a stage begins."""


def evidence_chart(looks: Sequence[Decision]) -> Chart:
    """E-values of all guardrails on one logarithmic scale, with the one that rolls back."""
    limit = looks[-1].readings[0].worse_at
    seen = [reading.worse for look in looks for reading in look.readings]
    low = math.log10(max(_FLOOR, min(0.5, *seen)))
    high = math.log10(min(max(3 * limit, *seen), 100 * limit))
    heights, across = Scale(high, low), _across(looks)
    lines = []
    for name in _names(looks):
        readings = _of(looks, name)
        values = (math.log10(max(_FLOOR, reading.worse)) for reading in readings)
        points = tuple(zip(_places(looks, across), map(heights.at, values), strict=True))
        lines.append(Line(name, name, f"worse? {readings[-1].worse_text}", points))
    powers = range(math.ceil(low), math.floor(high) + 1)
    return Chart(
        title="Evidence that it is worse",
        lines=tuple(lines),
        limit=Tick(heights.at(math.log10(limit)), f"{limit:g} rolls back"),
        heights=tuple(Tick(heights.at(power), f"{10.0**power:g}") for power in powers),
        requests=_request_ticks(across),
        borders=_borders(looks, across),
    )


def difference_charts(looks: Sequence[Decision]) -> list[Chart]:
    """For each guardrail, how much worse it is, with bounds, and the margin; those with pairs."""
    names = [name for name in _names(looks) if any(one.pairs for one in _of(looks, name))]
    return [_difference(looks, name) for name in names]


def _difference(looks: Sequence[Decision], name: str) -> Chart:
    readings, margin, across = _of(looks, name), looks[-1].margin, _across(looks)
    later = readings[len(readings) // 5 :]
    reach = 1.15 * max(2 * margin, *(abs(reading.difference) for reading in later))
    heights, places = Scale(reach, -reach), _places(looks, across)
    line = [heights.at(reading.difference) for reading in readings]
    above = [(x, heights.at(r.high)) for x, r in zip(places, readings, strict=True)]
    below = [(x, heights.at(r.low)) for x, r in zip(places, readings, strict=True)]
    last = readings[-1]
    note = f"{100 * last.difference:+.2f} [{100 * last.low:+.2f}, {100 * last.high:+.2f}]"
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if s >= reach / 3)
    return Chart(
        title=name,
        lines=(
            Line(
                name,
                _state(last),
                note,
                tuple(zip(places, line, strict=True)),
                _outline(above, below),
            ),
        ),
        limit=Tick(heights.at(margin), f"margin {100 * margin:+g}"),
        heights=tuple(
            Tick(heights.at(value), f"{100 * value:+g}" if value else "0")
            for value in (-2 * step, -step, 0.0, step, 2 * step)
            if abs(value) < reach
        ),
        requests=_request_ticks(across),
        borders=_borders(looks, across),
    )


def _outline(above: Iterable[Point], below: Sequence[Point]) -> tuple[Point, ...]:
    return (*above, *reversed(below))


def _state(reading: Reading) -> str:
    if reading.breached:
        return "beyond"
    return "clear" if reading.cleared else "across"


def _names(looks: Sequence[Decision]) -> list[str]:
    return [reading.guardrail for reading in looks[-1].readings]


def _of(looks: Sequence[Decision], name: str) -> list[Reading]:
    return [next(r for r in look.readings if r.guardrail == name) for look in looks]


def _requests(looks: Sequence[Decision]) -> list[int]:
    """Requests at each look, the stages one after the other."""
    shadow = max((look.requests for look in looks if look.stage == "shadow"), default=0)
    return [look.requests + (shadow if look.stage == "canary" else 0) for look in looks]


def _across(looks: Sequence[Decision]) -> Scale:
    return Scale(0.0, max(1, *_requests(looks)) if len(looks) > 1 else max(1, looks[0].requests))


def _places(looks: Sequence[Decision], across: Scale) -> list[float]:
    return [across.at(requests) for requests in _requests(looks)]


def _request_ticks(across: Scale) -> tuple[Tick, ...]:
    least = across.high / 5
    power = 10 ** math.floor(math.log10(least)) if least >= 1 else 1
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
    return tuple(
        Tick(across.at(requests), f"{requests:,}")
        for requests in range(0, int(across.high) + 1, step)
    )


def _borders(looks: Sequence[Decision], across: Scale) -> tuple[Tick, ...]:
    """Names of the stages, each where it begins."""
    begins = [Tick(0.0, looks[0].stage)]
    for before, after in pairwise(looks):
        if before.stage != after.stage:
            shadow = max(look.requests for look in looks if look.stage == before.stage)
            begins.append(Tick(across.at(shadow), after.stage))
    return tuple(begins)
