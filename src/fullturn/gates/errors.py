"""Where a candidate errs, as a gate report draws and writes it: geometry and rows of tables.

Drawings are in units of their own view box; `errors.html.jinja` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fullturn.core.wording import clipped_share, figure
from fullturn.gates.plots import round_step
from fullturn.metrics.metric import about, number

SIDES = ("candidate", "champion", "baseline")
WIDTH, HEIGHT = 640.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 12.0, 10.0, 40.0
_EDGE = 0.005
"""Share of the residuals on each side that may lie beyond the axis."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to positions; what lies beyond is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The position of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions of round values, with the values."""
        step = round_step((self.high - self.low) / 6)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        values = [number * step for number in range(first, last + 1)]
        return [(self.at(value), "0" if value == 0 else f"{value:.6g}") for value in values]

    def holds(self, value: float) -> bool:
        """Whether the axis reaches this far."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a confusion matrix."""

    count: int
    share: float
    """Of the rows of its expected label."""
    is_right: bool
    title: str


@dataclass(frozen=True, slots=True)
class Residuals:
    """Points of expected minus predicted over predicted."""

    across: Axis
    up: Axis
    points: tuple[tuple[float, float], ...]
    beyond: int
    """Points that are drawn at the edge."""
    rows: int
    unit: str = ""
    """`, USD` after the name of an axis, if the label's unit has a name."""


def metric_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Name, and for each side the metric with its interval; `-` where it has none."""
    found = []
    for one in summary.get("metrics", ()):
        judged = "" if one["judged"] else ", not judged"
        found.append([one["name"], f"{about(one['unit'], one['direction'])}{judged}"])
        found[-1] += [_shown(one.get(side), one["unit"]) for side in sides(summary)]
    return found


def sides(summary: Mapping[str, Any]) -> list[str]:
    """Those of candidate, champion and baseline that have a metric."""
    metrics = summary.get("metrics", ())
    return [side for side in SIDES if any(side in one for one in metrics)]


def matrix(summary: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """Expected label, and a cell for each predicted one; empty for many labels."""
    found = summary.get("confusion", {}).get("matrix")
    if not found:
        return []
    labels, rows = found["labels"], found["counts"]
    return [
        (
            expected,
            [
                Cell(
                    count,
                    count / max(1, sum(counts)),
                    expected == predicted,
                    f"expected {expected}, predicted {predicted}: {count:,} of {sum(counts):,}",
                )
                for predicted, count in zip(labels, counts, strict=True)
            ],
        )
        for expected, counts in zip(labels, rows, strict=True)
    ]


def residuals(summary: Mapping[str, Any]) -> Residuals | None:
    """The residual plot, if there are residuals."""
    found = summary.get("residuals")
    if not found:
        return None
    points = np.array(found["points"])
    low, high = np.quantile(points[:, 1], (_EDGE, 1 - _EDGE)).tolist()
    reach = 1.15 * max(abs(low), abs(high)) or 1.0
    left, right = points[:, 0].min().item(), points[:, 0].max().item()
    space = 0.04 * (right - left) or 1.0
    across = Axis(left - space, right + space, LEFT, WIDTH - RIGHT)
    up = Axis(-reach, reach, HEIGHT - BOTTOM, TOP)
    return Residuals(
        across,
        up,
        tuple((across.at(x), up.at(y)) for x, y in points.tolist()),
        sum(not up.holds(y) for _, y in points.tolist()),
        found["rows"],
        f", {found['unit']}" if "unit" in found else "",
    )


def calibration_axes() -> tuple[Axis, Axis]:
    """Axes of the calibration plot, both from 0 to 1."""
    return (
        Axis(0.0, 1.0, LEFT, LEFT + HEIGHT - BOTTOM - TOP),
        Axis(0.0, 1.0, HEIGHT - BOTTOM, TOP),
    )


def notes(summary: Mapping[str, Any]) -> list[str]:
    """Sentences on what few people know, and on what is clipped."""
    return [
        *(f"{name}: {what}." for name, what in summary.get("meanings", {}).items()),
        *(
            f"{side.capitalize()}: {clipped_share(share)}."
            for side, share in summary.get("clipped", {}).items()
        ),
    ]


def markdown(summary: Mapping[str, Any], cell: Any) -> Iterator[str]:
    """Everything as tables, folded; `cell` escapes text."""
    if not summary:
        return
    yield from ("<details><summary>Metrics and errors</summary>", "")
    rows = metric_rows(summary)
    if rows:
        names = [side.capitalize() for side in sides(summary)]
        yield from _table(
            ["Metric", "", *names],
            ([cell(one[0]), cell(one[1]), *one[2:]] for one in rows),
        )
    yield from _confusion(summary.get("confusion", {}), cell)
    yield from _calibration(summary.get("calibration", {}))
    yield from _residuals(summary.get("residuals", {}), cell)
    for note in notes(summary):
        yield from (note, "")
    yield from ("</details>", "")


def _confusion(found: Mapping[str, Any], cell: Any) -> Iterator[str]:
    if "matrix" in found:
        labels = [cell(label) for label in found["matrix"]["labels"]]
        counts = found["matrix"]["counts"]
        yield from _table(
            ["Expected ↓ predicted →", *labels],
            ([label, *map(str, row)] for label, row in zip(labels, counts, strict=True)),
        )
    elif found:
        pairs = found["pairs"]
        yield from (f"The most confused of {found['labels']} labels:", "")
        yield from _table(
            ["Expected", "Predicted", "Rows", "Of the expected"],
            ([cell(a), cell(b), str(n), f"{n / of:.0%}"] for a, b, n, of in pairs),
        )


def _calibration(found: Mapping[str, Any]) -> Iterator[str]:
    if found:
        yield from _table(
            ["Confidence", "Rows", "Mean confidence", "Right", "95 % interval"],
            (
                [
                    f"{one['low']:g} to {one['high']:g}",
                    str(one["rows"]),
                    f"{one['confidence']:.3f}",
                    f"{one['right']:.3f}",
                    f"[{one['right_low']:.3f}, {one['right_high']:.3f}]",
                ]
                for one in found["bins"]
            ),
        )


def _residuals(found: Mapping[str, Any], cell: Any) -> Iterator[str]:
    unit = f" ({cell(found['unit'])})" if "unit" in found else ""
    if found:
        yield from _table(
            [f"Predicted{unit}", "Rows", f"Expected minus predicted, mean{unit}", f"MAE{unit}"],
            (
                [
                    f"{figure(one['from'])} to {figure(one['to'])}",
                    str(one["rows"]),
                    figure(one["mean"], "+"),
                    figure(one["mae"]),
                ]
                for one in found["fifths"]
            ),
        )


def _table(head: Sequence[str], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'--:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _shown(found: Sequence[float] | None, unit: str) -> str:
    if found is None:
        return "-"
    estimate, low, high = (number(value, unit) for value in found)
    return f"{estimate} [{low}, {high}]"
