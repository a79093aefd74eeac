"""Tests that may be read after every observation without losing their level.

A gambler who stakes shares of a fortune on "the mean is larger than claimed" cannot expect to
get rich if it is not; multiplying the fortune by 1/α has probability at most α, ever (Ville's
inequality). Betting: Waudby-Smith and Ramdas, JRSS-B 86 (2024). Here several gamblers stake
fixed shares and their fortunes are added up (mixture method; Orabona and Jun, arXiv 2110.14099),
so that one of them fits any effect: large stakes find a break, small ones a slight loss in
noisy scores.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import Floats, as_scores, as_share

_GAMBLERS = range(9)
STAKES = tuple(0.6 * 0.5**k for k in _GAMBLERS)
"""Share of a fortune that each gambler loses to the lowest possible observation."""
FORTUNES = tuple(1 / 0.9 / ((k + 1) * (k + 2)) for k in _GAMBLERS)
"""What each gambler starts with, 1 in total. More for large stakes: they decide early."""
_THRESHOLDS = 256


@dataclass(slots=True)
class EProcess:
    """Evidence against "the mean of observations in [-1, 1] is at most `null`", one by one.

    The mean is that of each observation given those before it; observations need not be
    independent. To show a loss, feed losses with `null=0`; to show that a loss is smaller than a
    margin, feed gains with `null=-margin`. An update takes constant time and memory. Raises
    StatisticsInputError for a null outside (-1, 1).
    """

    null: float = 0.0
    count: int = field(default=0, init=False)
    log_e: float = field(default=0.0, init=False)
    """Logarithm of the evidence now; its expectation is at most 1 before the logarithm."""
    peak_log_e: float = field(default=0.0, init=False)
    """The largest `log_e` so far, which is what `rejects` reads."""
    _fortunes: list[float] = field(default_factory=lambda: list(FORTUNES), init=False, repr=False)
    _log_scale: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not -1.0 < self.null < 1.0:
            raise StatisticsInputError(f"null is {self.null}: it must lie inside (-1, 1)")

    def update(self, x: float) -> None:
        """Take one observation; outside [-1, 1] it raises StatisticsInputError and takes none."""
        if not -1.0 <= x <= 1.0:
            raise StatisticsInputError(f"observation {x} lies outside [-1, 1]: rescale or clip it")
        gain = (x - self.null) / (1.0 + self.null)
        fortunes = [f * (1.0 + s * gain) for f, s in zip(self._fortunes, STAKES, strict=True)]
        total = sum(fortunes)
        self.log_e = self._log_scale + math.log(total)
        if not 1e-100 < total < 1e100:
            fortunes = [f / total for f in fortunes]
            self._log_scale = self.log_e
        self._fortunes = fortunes
        self.count += 1
        self.peak_log_e = max(self.peak_log_e, self.log_e)

    @property
    def e_value(self) -> float:
        """Evidence now; at most e^700, which a float can still represent."""
        return math.exp(min(self.log_e, 700.0))

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value: 1 ÷ the largest evidence so far."""
        return math.exp(-self.peak_log_e)

    def rejects(self, alpha: float) -> bool:
        """Whether the null was refuted at level `alpha`, now or at any earlier observation."""
        return self.peak_log_e >= -math.log(as_share(alpha, "alpha"))


def log_wealth(values: npt.ArrayLike, counts: npt.ArrayLike, null: float = 0.0) -> Floats:
    """`EProcess.log_e` after so many of each value, in whatever order they came.

    `values` in [-1, 1], shape (kinds,); `counts`, shape (…, kinds); the result has shape (…).
    Raises StatisticsInputError for values out of range, or a null outside (-1, 1).
    """
    kinds, numbers = as_scores(values, "values", -1.0), np.asarray(counts, np.float64)
    return _log_wealth(kinds, numbers, EProcess(null).null)


def mean_bounds(
    values: npt.ArrayLike, counts: npt.ArrayLike, alpha: float = 0.05
) -> tuple[float, float]:
    """Bounds on the mean of observations in [-1, 1], of which there were so many of each value.

    Both arguments have shape (kinds,). With probability 1 - alpha the mean lies between the
    bounds at all times at which one may look: they are those of `confidence_sequence` without
    the narrower ones of earlier times. Raises StatisticsInputError as `log_wealth` does.
    """
    refuting = math.log(2 / as_share(alpha, "alpha"))
    kinds, numbers = as_scores(values, "values", -1.0), np.asarray(counts, np.float64)
    return _lowest(kinds, numbers, refuting), -_lowest(-kinds, numbers, refuting)


def _log_wealth(values: Floats, counts: Floats, null: float) -> Floats:
    gains = (values[:, np.newaxis] - null) / (1.0 + null)
    each = counts @ np.log1p(gains * STAKES)
    return np.asarray(np.logaddexp.reduce(each + np.log(FORTUNES), axis=-1), np.float64)


def _lowest(values: Floats, counts: Floats, refuting: float) -> float:
    """The largest mean that is refuted as too low, by bisection; -1 if none is."""
    low, high = -1.0, float(counts @ values) / max(1.0, float(counts.sum()))
    while high - low > 1e-6:
        middle = (low + high) / 2
        refuted = float(_log_wealth(values, counts, middle)) >= refuting
        low, high = (middle, high) if refuted else (low, middle)
    return low


def confidence_sequence(
    values: npt.ArrayLike, alpha: float = 0.05, low: float = -1.0, high: float = 1.0
) -> tuple[Floats, Floats]:
    """Bounds on the mean after each of `values` in [low, high], two arrays of shape (n,).

    With probability 1 - alpha the mean lies between them at all n times together. They never
    widen. A bound is the last of 256 thresholds that an e-process refutes at level alpha / 2;
    thresholds lie closer near the final mean, and rounding to one of them widens the interval by
    some 2 %. Raises StatisticsInputError for NaN or values outside [low, high].
    """
    level = as_share(alpha, "alpha") / 2
    if not low < high:
        raise StatisticsInputError(f"low is {low} and high {high}: low must be the smaller")
    shares = (as_scores(values, "values", low, high) - low) / (high - low)
    lows, highs = _refuted_below(shares, level), 1 - _refuted_below(1 - shares, level)
    return low + (high - low) * lows, low + (high - low) * highs


def _refuted_below(shares: Floats, alpha: float) -> Floats:
    """The largest refuted mean after each of `shares`, values in [0, 1], shape (n,)."""
    thresholds = shares.mean() - np.geomspace(0.1 / shares.size, 1.0, _THRESHOLDS)
    thresholds = thresholds[thresholds > 0]
    # A lower threshold is refuted earlier: skip those that never are, then look at
    # ever shorter beginnings.
    refuted = partial(_refuted, shares, alpha)
    start = bisect_left(thresholds, True, key=lambda threshold: bool(refuted(threshold).any()))
    bounds, end = np.zeros_like(shares), shares.size
    for threshold in thresholds[start:]:
        earlier = _refuted(shares[:end], alpha, threshold)
        if earlier.any():
            first = int(earlier.argmax())
            bounds[first:end] = threshold
            end = first
    return bounds


def _refuted(shares: Floats, alpha: float, threshold: float) -> npt.NDArray[np.bool_]:
    """Where the gamblers' wealth against "the mean is at most `threshold`" reaches 1/α."""
    gains = np.outer(STAKES, shares / threshold - 1)
    log_wealth = np.cumsum(np.log1p(gains), axis=1)
    wealth = np.asarray(FORTUNES) @ np.exp(np.minimum(log_wealth, 700.0))
    return np.asarray(wealth >= 1 / alpha)
