"""E-detectors: alarms on an endless stream, with a bound on false ones that is a theorem.

Each gambler's fortune is multiplied, observation by observation, by a factor whose expectation
is at most 1 as long as nothing has changed. A new gambler of each kind enters with every
observation, and all fortunes are added up (Shiryaev-Roberts): M ← (M + 1) × factor. Then M minus
the number of observations cannot be expected to grow, so the mean time until M reaches `arl` is
at least `arl` (Shin, Ramdas and Rinaldo, arXiv 2203.03532, section 2).

Several detectors: restarted from 0 after each alarm, one of them raises at most n / arl false
alarms in n observations, in expectation. Expectations add up whatever the dependence: K
detectors with an `arl` of K × A raise at most n / A together.

A restart also takes the gamblers back to what they knew at first: what they saw of a change must
not become what is normal. If they knew a reference sample, all stretches between restarts share
it. The bound then holds for each stretch over the draw of the sample, and for their sum only
nearly, as alarms that an unlucky sample causes come again; measured with samples of 10 to 400
rows, the sum stays at 0.6 to 0.8 of n / arl (`tests/statistics/test_edetectors.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import Floats

BLOCK = 256
"""Observations that are handed to the gamblers at once; what comes out does not depend on it."""


class Bets(ABC):
    """Gamblers of several kinds, who between them bet on any change that matters."""

    weights: Floats
    """Share of each kind in the statistic, shape (kinds,); they sum to 1."""

    @abstractmethod
    def restart(self) -> None:
        """Begin again with what the gamblers knew at first; randomness, if any, is drawn again."""

    @abstractmethod
    def factors(self, values: Any) -> Floats:
        """What the next `values`, n of them, multiply each fortune by; shape (n, kinds).

        Each row is ≥ 0 and has expectation ≤ 1 given the rows before it, unless something
        changed.
        """


@dataclass(frozen=True, slots=True)
class Crossing:
    """The statistic reached its threshold."""

    row: int
    """Index into the values of this call."""
    statistic: float
    since: int
    """Observations, this one included, since the change seems to have begun."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The statistic after each value of a call, shape (n,), and where it crossed."""

    statistics: Floats
    crossings: tuple[Crossing, ...]


class EDetector:
    """Folds a stream, block by block; after each alarm it starts again, as on its first day.

    Its gamblers forget what they saw, so rows of the change never become what is normal. It rests
    for `rest` observations, and for twice as many as the last time if it alarms again before it
    was awake for twice as long as it had rested: a change that lasts gives alarms that grow rarer,
    and afterwards silence for about as long as it lasted. Raises StatisticsInputError for an `arl`
    below 1.
    """

    def __init__(self, bets: Bets, arl: float, rest: int = 0) -> None:
        if not arl >= 1:
            raise StatisticsInputError(f"arl is {arl}: a run length is at least 1 observation")
        self.bets, self.arl, self.rest = bets, float(arl), rest
        self.count = 0
        """Observations so far."""
        self.statistic = 0.0
        self.resting = 0
        """Observations that it will still stay at 0."""
        self._rested = 0
        self._enter()

    def fold(self, values: Sequence[Any] | Floats) -> Folded:
        """Take the next values, in order; a crossing is an alarm."""
        statistics = np.zeros(len(values))
        crossings: list[Crossing] = []
        done = 0
        while (done := done + self._slept(len(values) - done)) < len(values):
            taken = self._block(values[done : done + BLOCK])
            statistics[done : done + len(taken)] = taken
            done += len(taken)
            if self.statistic >= self.arl:
                crossings.append(Crossing(done - 1, self.statistic, self._since()))
                self._restart()
        return Folded(statistics, tuple(crossings))

    def _slept(self, most: int) -> int:
        slept = min(self.resting, most)
        if slept:
            self.statistic = 0.0
            self.resting -= slept
            self.count += slept
        return slept

    def _restart(self) -> None:
        in_a_row = self.count - self._woke <= 2 * self._rested
        self._rested = max(self.rest, 2 * self._rested if in_a_row else 0)
        self.resting = self._rested
        self.bets.restart()
        self._enter()

    def _enter(self) -> None:
        """No gambler has a fortune yet; the first enter when the rest is over."""
        self._woke = self.count + self.resting
        self._fortunes = np.zeros_like(self.bets.weights)
        self._logs = np.zeros_like(self._fortunes)
        self._lowest = np.zeros_like(self._fortunes)
        self._began = np.full(self._fortunes.shape, self._woke)

    def _block(self, values: Sequence[Any] | Floats) -> Floats:
        """The statistic after each value, up to the first that crosses.

        The gamblers have then seen more than was taken; a crossing makes them forget it.
        """
        factors = self.bets.factors(values)
        fortunes = self._multiplied(factors)
        # Not `@`: its rounding of a row depends on how many there are.
        sums: Floats = np.einsum("nk,k->n", fortunes, self.bets.weights)
        crossed = sums >= self.arl
        used = int(crossed.argmax()) + 1 if crossed.any() else len(sums)
        self._follow(factors[:used], fortunes[used - 1])
        self.statistic = float(sums[used - 1])
        return sums[:used]

    def _multiplied(self, factors: Floats) -> Floats:
        """Fortunes after each row. Not in logarithms: below the threshold they stay small."""
        trace, fortunes = np.empty_like(factors), self._fortunes.copy()
        # A crossing is cut off afterwards; what follows it in the block may overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            for row, factor in enumerate(factors):
                fortunes += 1.0
                fortunes *= factor
                trace[row] = fortunes
        return trace

    def _follow(self, factors: Floats, fortunes: Floats) -> None:
        """Where each kind's gains began: after the lowest point of its cumulated logarithm."""
        gains = np.log(np.maximum(factors, 1e-300))
        logs = np.cumsum(np.concatenate([self._logs[None, :], gains]), axis=0)[1:]
        at = logs[::-1].argmin(axis=0)
        lowest = logs[::-1].min(axis=0)
        lower = lowest <= self._lowest
        began = self.count + len(factors) - at
        self._began = np.where(lower, began, self._began)
        self._lowest = np.where(lower, lowest, self._lowest)
        self._logs, self._fortunes = logs[-1], fortunes
        self.count += len(factors)

    def _since(self) -> int:
        best = int((self._fortunes * self.bets.weights).argmax())
        return max(1, self.count - int(self._began[best]))
