"""What a gate report draws: intervals against a line that they should stay clear of.

Only geometry is decided here, in per cent of the width; `report.html.jinja` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fullturn.core.entities import CheckResult, GateReport

Place = Literal["clear", "across", "beyond"]


@dataclass(frozen=True, slots=True)
class Mark:
    """An estimate with its interval, in score points."""

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
        step = _round_step((high - low) / 6)
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
        return f"{value:{'+' if self.signed else ''}.3f}"

    def tick(self, value: float) -> str:
        """A round number as short as it can be; zero has no sign."""
        text = f"{value:{'+' if self.signed else ''}.6g}"
        return "0" if float(text) == 0 else text


def panels(report: GateReport) -> list[Panel]:
    """The plots that the figures of a report allow; checks without intervals draw nothing."""
    found = {result.code: result for result in report.results}
    drawn = (
        _champion(found.get("EVAL03"), report.champion),
        _baseline(found.get("EVAL02")),
        _slices(found.get("EVAL04")),
        _behaviour(r for r in report.results if r.family == "behaviour"),
    )
    return [panel for panel in drawn if panel is not None]


def _champion(result: CheckResult | None, champion: str | None) -> Panel | None:
    metrics = result.figures.get("metrics", {}) if result else {}
    marks = tuple(_mark(name, _levels(figures), figures) for name, figures in metrics.items())
    if result is None or not marks:
        return None
    margin = result.figures["margin"]
    return Panel(
        title=f"Against the champion, {champion}",
        caption=f"Score of the candidate minus score of the champion on the same rows, with "
        f"{_confidence(metrics.values())}. The check passes when every interval is right of "
        f"the margin.",
        marks=marks,
        line=-margin,
        line_label=f"margin -{margin:g}",
        zero_label="as good as the champion",
    )


def _baseline(result: CheckResult | None) -> Panel | None:
    if result is None or "estimate" not in result.figures:
        return None
    figures = result.figures
    return Panel(
        title="Against the trivial baseline",
        caption=f"Score of the candidate minus score of the baseline, with "
        f"{_confidence([figures])}. The check passes when the interval is right of zero.",
        marks=(_mark(figures["metric"], _levels(figures), figures),),
        line=0.0,
        line_label="as good as the baseline",
    )


def _behaviour(results: Iterable[CheckResult]) -> Panel | None:
    drawn = [r.figures for r in results if "estimate" in r.figures]
    if not drawn:
        return None
    margin = drawn[0]["margin"]
    return Panel(
        title="When the same is asked otherwise",
        caption=f"{drawn[0]['metric'].capitalize()} on perturbed rows minus the same rows as they "
        f"are, with {_confidence(drawn)}. A check passes when its interval is right of the margin.",
        marks=tuple(_mark(f["change"], f"{f['rows']} rows", f) for f in drawn),
        line=-margin,
        line_label=f"margin -{margin:g}",
        zero_label="no change",
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
        f"{_confidence([result.figures])}: all hold together with {joint:.3g} %. The check "
        f"fails if a whole interval is below the floor, and is open if only an estimate is. A "
        f"slice across the floor is not known to be on either side.{left_out}",
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
    return f"{figures['reference']:.3f} → {figures['candidate']:.3f}"


def _confidence(drawn: Iterable[Mapping[str, Any]]) -> str:
    share = 100 * next(iter(drawn))["confidence"]
    return f"its {share:.3g} % interval"


def _steps() -> Iterator[float]:
    for power in range(-6, 2):
        yield from (factor * 10.0**power for factor in (1, 2, 5))


def _round_step(least: float) -> float:
    return next((step for step in _steps() if step >= least), 50.0)
