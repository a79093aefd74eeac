"""What the monitoring page draws: each detector's statistic on its way to the threshold.

Only geometry is decided here, in per cent of the width and height; `page.html.jinja` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fullturn.core.entities import Alarm
from fullturn.monitoring.watch import DetectorState

TOP = 12.0
"""Where the threshold lies, in per cent from the top."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One detector's statistic over the observations that it has seen."""

    state: DetectorState
    alarms: tuple[Alarm, ...]

    @property
    def line(self) -> str:
        """Points of the statistic, for an SVG of 100 by 100; empty before the first."""
        return " ".join(f"{self.x(at)},{self.y(value)}" for at, value in self.state.curve)

    @property
    def area(self) -> str:
        """The line, closed along the bottom."""
        if not self.state.curve:
            return ""
        first, last = self.state.curve[0][0], self.state.curve[-1][0]
        return f"{self.x(first)},100 {self.line} {self.x(last)},100"

    def x(self, observation: int) -> float:
        """Where an observation lies, in per cent of the width."""
        return round(100 * observation / max(1, self.state.requests), 2)

    def y(self, statistic: float) -> float:
        """Where a statistic lies, in per cent from the top; logarithms, since it multiplies."""
        share = math.log1p(min(statistic, self.state.threshold)) / math.log1p(self.state.threshold)
        return round(100 - (100 - TOP) * share, 2)


def panels(states: Sequence[DetectorState], alarms: Sequence[Alarm]) -> list[Panel]:
    """One for each detector: those with alarms first, then those nearest to one."""
    found = [Panel(s, tuple(a for a in alarms if a.detector == s.name)) for s in states]
    return sorted(found, key=lambda panel: (-len(panel.alarms), -panel.state.share))
