"""A statistic over observations, thinned until it is small enough to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MOST = 400


@dataclass(slots=True)
class Curve:
    """The statistic over observations, for a plot: at most 400 peaks, one per stretch."""

    stretch: int = 1
    peaks: list[float] = field(default_factory=list)

    def add(self, first: int, statistics: Sequence[float]) -> None:
        """The statistic after observations number `first`, `first` + 1, …"""
        done = 0
        while done < len(statistics):
            place = (first + done) // self.stretch
            until = min(len(statistics), (place + 1) * self.stretch - first)
            peak = max(statistics[done:until])
            if place < len(self.peaks):
                self.peaks[place] = max(self.peaks[place], peak)
            else:
                self.peaks.append(peak)
            done = until
            if len(self.peaks) > MOST:
                pairs = zip(self.peaks[::2], [*self.peaks[1::2], 0.0], strict=False)
                self.peaks = [max(pair) for pair in pairs]
                self.stretch *= 2

    def points(self, count: int) -> tuple[tuple[int, float], ...]:
        """Observation numbers, each the end of a stretch, with the peak in it."""
        ends = (min(count, (n + 1) * self.stretch) for n in range(len(self.peaks)))
        return tuple(zip(ends, self.peaks, strict=True))
