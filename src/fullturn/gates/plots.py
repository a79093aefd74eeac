"""What a gate report draws: intervals against a line that they should stay clear of.

Only geometry is decided here, in per cent of the width; `report.html.jinja` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fullturn.core.entities import CheckResult, GateReport
from fullturn.metrics.metric import SHARE, number, signed

Place = Literal["clear", "across", "beyond"]


@dataclass(frozen=True, slots=True)
class Mark:
    """An estimate with its interval."""

    label: str
    note: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Marks on one scale, and the line they should lie to the right of."""

    title: str
    caption: str
    marks: tuple[Mark, ...]
    line: float
    line_label: str
    zero_label: str | None = None
    """Set where values are differences and `line` is not itself at zero."""
    signed: bool = True
    unit: str = SHARE

    @property
    def scale(self) -> tuple[float, float]:
        """Left and right end of the axis."""
        if not self.signed:
            return -0.02, 1.02
        values = [0.0, self.line, *(v for m in self.marks for v in (m.low, m.high))]
        low, high = min(values), max(values)
        space = 0.08 * (high - low) or 0.01
        return low - space, high + space

    @property
    def ticks(self) -> list[float]:
        """Round numbers along the axis, three to six of them."""
        low, high = self.scale
        step = round_step((high - low) / 6)
        first, last = math.ceil(low / step), math.floor(high / step)
        return [number * step for number in range(first, last + 1)]

    def at(self, value: float) -> float:
        """Where a value lies, in per cent of the width."""
        low, high = self.scale
        return round(100 * (value - low) / (high - low), 2)

    def place(self, mark: Mark) -> Place:
        """Whether the whole interval is on the right side of the line."""
        if mark.low > self.line:
            return "clear"
        return "beyond" if mark.high < self.line else "across"

    def shown(self, value: float) -> str:
        """A value as the report prints it."""
        return signed(value, self.unit) if self.signed else number(value, self.unit)

    def tick(self, value: float) -> str:
        """A round number as short as it can be; zero has no sign."""
        text = f"{value:{'+' if self.signed else ''}.6g}"
        return "0" if float(text) == 0 else text


def panels(report: GateReport) -> list[Panel]:
    """The plots that the figures of a report allow; checks without intervals draw nothing."""
    found = {result.code: result for result in report.results}
    drawn = (
        *_champion(found.get("EVAL03"), report.champion),
        _baseline(found.get("EVAL02")),
        _slices(found.get("EVAL04")),
        _behaviour(r for r in report.results if r.family == "behaviour"),
    )
    return [panel for panel in drawn if panel is not None]


def _champion(result: CheckResult | None, champion: str | None) -> Iterator[Panel]:
    """A panel for each unit and margin, that of the scores first."""
    metrics = result.figures.get("metrics", {}) if result else {}
    scales: dict[tuple[str, float], dict[str, Any]] = {}
    for name, figures in metrics.items():
        assert result is not None
        margin = figures.get("margin", result.figures["margin"])
        scales.setdefault((figures.get("unit", SHARE), margin), {})[name] = figures
    for place, ((unit, margin), drawn) in enumerate(scales.items()):
        yield Panel(
            title=f"Against the champion, {champion}" + (f": {', '.join(drawn)}" if place else ""),
            caption=f"Score of the candidate minus score of the champion on the same rows, with "
            f"{_confidence(drawn.values())}. The check passes when every interval is right of "
            f"the margin.{_in_unit(unit)}",
            marks=tuple(_mark(name, _levels(figures), figures) for name, figures in drawn.items()),
            line=-margin,
            line_label=f"margin -{margin:g}",
            zero_label="as good as the champion",
            unit=unit,
        )


def _in_unit(unit: str) -> str:
    return "" if unit == SHARE else f" In {unit}; positive means better in every metric."


def _baseline(result: CheckResult | None) -> Panel | None:
    if result is None or "estimate" not in result.figures:
        return None
    figures = result.figures
    return Panel(
        title="Against the trivial baseline",
        caption=f"Score of the candidate minus score of the baseline, with "
        f"{_confidence([figures])}. The check passes when the interval is right of zero."
        f"{_in_unit(figures.get('unit', SHARE))}",
        marks=(_mark(figures["metric"], _levels(figures), figures),),
        line=0.0,
        line_label="as good as the baseline",
        unit=figures.get("unit", SHARE),
    )


def _behaviour(results: Iterable[CheckResult]) -> Panel | None:
    drawn = [r.figures for r in results if "estimate" in r.figures]
    if not drawn:
        return None
    margin = drawn[0]["margin"]
    return Panel(
        title="Perturbed questions",
        caption=f"{drawn[0]['metric'].capitalize()} on perturbed rows minus the same rows as they "
        f"are, with {_confidence(drawn)}. A check passes when its interval is right of the margin.",
        marks=tuple(_mark(f["change"], f"{f['rows']} rows", f) for f in drawn),
        line=-margin,
        line_label=f"margin -{margin:g}",
        zero_label="no change",
        unit=drawn[0].get("unit", SHARE),
    )


def _slices(result: CheckResult | None) -> Panel | None:
    slices = result.figures.get("slices", {}) if result else {}
    if result is None or not slices:
        return None
    floor = result.figures["floor"]
    joint = 100 * (1 - len(slices) * (1 - result.figures["confidence"]))
    small = result.figures.get("too_small", [])
    left_out = f" Too few rows to judge: {', '.join(small)}." if small else ""
    return Panel(
        title="Slices",
        caption=f"Mean {result.figures['metric']} of the candidate in each slice, with "
        f"{_confidence([result.figures])}: together they have a confidence of {joint:.3g} %. The "
        f"check fails if a whole interval is below the floor, and is inconclusive if only an "
        f"estimate is. A slice across the floor is inconclusive.{left_out}",
        marks=tuple(
            _mark(name.replace("=", " = "), f"{figures['rows']} rows", figures)
            for name, figures in slices.items()
        ),
        line=floor,
        line_label=f"floor {floor:g}",
        signed=False,
    )


def _mark(label: str, note: str, figures: Mapping[str, Any]) -> Mark:
    return Mark(label, note, figures["estimate"], figures["low"], figures["high"])


def _levels(figures: Mapping[str, Any]) -> str:
    unit = figures.get("unit", SHARE)
    return f"{number(figures['reference'], unit)} → {number(figures['candidate'], unit)}"


def _confidence(drawn: Iterable[Mapping[str, Any]]) -> str:
    share = 100 * next(iter(drawn))["confidence"]
    return f"its {share:.3g} % interval"


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below; 1e-6 at least."""
    power = 10.0 ** max(-6, math.floor(math.log10(max(least, 1e-6))))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least)
