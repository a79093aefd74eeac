"""Ranks of a stream's values among all that came before: bets on them need no distribution.

If reference and stream are exchangeable (drawn alike, in an order that says nothing), the rank
of each value among itself and all before it, with ties broken at random, is uniform on [0, 1]
and independent of all earlier ranks; exactly, for any number of reference rows and of ties
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, chapter 2). The
reference must grow: ranks in a fixed one inherit its sampling error, and alarms follow. After an
alarm it is the original again, without the rows that alarmed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.edetector import Bets
from fullturn.statistics.inputs import Codes, Floats

SHIFTS = (0.25, 0.5, 1.0, 2.0)
"""Gamblers on ranks that move by so many standard deviations of a normal score."""
SPREADS = (0.5, 2.0)
"""Gamblers on normal scores that spread by so many times."""
BINS = 16
_MEMORY = 200
"""Ranks that the learning gambler remembers, as a half-open window with exponential decay."""
_PRIOR = 2.0
"""Ranks per bin that it has seen before the first."""
_LEARNER = 0.2
"""Its weight; the others share the rest equally."""
_EDGE = 1e-12


class Ranks:
    """The growing bag of numbers, sorted; infinities are numbers too, NaN is refused."""

    def __init__(self, reference: npt.ArrayLike, rng: np.random.Generator) -> None:
        self._old = np.sort(_numbers(reference, "reference"))
        self._new = np.empty(0)
        self._rng = rng

    def next(self, values: npt.ArrayLike) -> Floats:
        """The rank of each of the next values, in (0, 1); shape (n,). They join the bag.

        Raises StatisticsInputError for NaN.
        """
        x = _numbers(values, "values")
        earlier = np.tri(x.size, k=-1, dtype=bool)
        below = ((x < x[:, None]) & earlier).sum(axis=1)
        equal = ((x == x[:, None]) & earlier).sum(axis=1) + 1
        for bag in (self._old, self._new):
            left = bag.searchsorted(x)
            below, equal = below + left, equal + bag.searchsorted(x, "right") - left
        before = self._old.size + self._new.size + np.arange(x.size)
        self._add(x)
        return _smoothed(below, equal, before, self._rng)

    def _add(self, values: Floats) -> None:
        # Two levels: sorting the whole bag for each block would take longer with each.
        self._new = np.sort(np.concatenate([self._new, values]), kind="stable")
        if self._new.size > 4096:
            self._old = np.sort(np.concatenate([self._old, self._new]), kind="stable")
            self._new = np.empty(0)


class CategoryRanks:
    """Ranks of categories by how often each is in the growing bag: rare ones rank high.

    A category never seen ranks highest; equally frequent ones are tied.
    """

    def __init__(self, reference: Sequence[Hashable], rng: np.random.Generator) -> None:
        self._codes: dict[Hashable, int] = {}
        self._counts = np.zeros(0, dtype=np.intp)
        self._counts = self._counted(self._coded(reference))
        self._rng = rng

    def next(self, values: Sequence[Hashable]) -> Floats:
        """The rank of each of the next values, in (0, 1); shape (n,). They join the bag."""
        codes = self._coded(values)
        before = int(self._counts.sum()) + np.arange(len(codes))
        room = np.zeros((len(codes), len(self._codes)), dtype=np.intp)
        room[np.arange(len(codes)), codes] = 1
        counts = self._padded() + room.cumsum(axis=0)
        own = counts[np.arange(len(codes)), codes][:, None]
        below = np.where(counts > own, counts, 0).sum(axis=1)
        equal = np.where(counts == own, counts, 0).sum(axis=1)
        self._counts = self._counted(codes)
        return _smoothed(below, equal, before, self._rng)

    def _coded(self, values: Sequence[Hashable]) -> Codes:
        known = self._codes
        return np.array([known.setdefault(value, len(known)) for value in values], dtype=np.intp)

    def _padded(self) -> Codes:
        return np.pad(self._counts, (0, len(self._codes) - self._counts.size))

    def _counted(self, codes: Codes) -> Codes:
        return self._padded() + np.bincount(codes, minlength=len(self._codes))


class RankGamblers:
    """Bets on ranks: on shifts and spreads of their normal scores, and one that learns.

    The learner bets on the density of the last ranks (a histogram): it finds what the others
    do not look like, such as a column that has become constant. With `upward`, nobody bets on
    falling ranks.
    """

    def __init__(self, upward: bool = False) -> None:
        self._shifts = np.array([*SHIFTS] if upward else [*SHIFTS, *(-s for s in SHIFTS)])
        self._spreads = np.array([] if upward else SPREADS)
        others = self._shifts.size + self._spreads.size
        self.weights: Floats = np.append(np.full(others, (1 - _LEARNER) / others), _LEARNER)
        self._seen = np.zeros(BINS)

    def factors(self, ranks: Floats) -> Floats:
        """What each rank multiplies each fortune by; shape (n, kinds), mean 1 over [0, 1]."""
        from scipy.special import ndtri

        z = ndtri(np.clip(ranks, _EDGE, 1 - _EDGE))[:, None]
        shifted = np.exp(self._shifts * z - self._shifts**2 / 2)
        spread = np.exp(z**2 / 2 * (1 - self._spreads**-2.0)) / self._spreads
        return np.concatenate([shifted, spread, self._learned(ranks)[:, None]], axis=1)

    def _learned(self, ranks: Floats) -> Floats:
        bins = np.minimum((ranks * BINS).astype(np.intp), BINS - 1)
        before = self._decayed(bins)
        total = before.sum(axis=1) + _PRIOR * BINS
        density: Floats = (before[np.arange(len(ranks)), bins] + _PRIOR) / total * BINS
        return density

    def _decayed(self, bins: Codes) -> Floats:
        """Decaying counts of the bins before each rank, shape (n, BINS).

        Row by row: `scipy.signal.lfilter` does the same, to the bit, in a sixth of the time, but
        importing it takes as long as a million rows.
        """
        seen = np.empty((len(bins) + 1, BINS))
        seen[0] = self._seen
        for before, after, hit in zip(seen, seen[1:], bins.tolist(), strict=False):
            np.multiply(before, 1 - 1 / _MEMORY, out=after)
            after[hit] += 1
        self._seen = seen[-1].copy()
        return seen[:-1]


class NumberBets(Bets):
    """On the ranks of numbers, shape (n,), among a reference of shape (m,) that grows."""

    def __init__(self, reference: npt.ArrayLike, seed: int = 0, *, upward: bool = False) -> None:
        self._reference, self._upward = np.array(reference, dtype=np.float64), upward
        self._seed, self._begun = seed, 0
        self.restart()
        self.weights = self._gamblers.weights

    def restart(self) -> None:
        self._ranks = Ranks(self._reference, generator(self._seed, self._begun))
        self._gamblers = RankGamblers(self._upward)
        self._begun += 1

    def factors(self, values: npt.ArrayLike) -> Floats:
        return self._gamblers.factors(self._ranks.next(values))


class CategoryBets(Bets):
    """On the ranks of categories, by frequency, among a reference that grows."""

    def __init__(self, reference: Sequence[Hashable], seed: int = 0) -> None:
        self._reference = tuple(reference)
        self._seed, self._begun = seed, 0
        self.restart()
        self.weights = self._gamblers.weights

    def restart(self) -> None:
        self._ranks = CategoryRanks(self._reference, generator(self._seed, self._begun))
        self._gamblers = RankGamblers()
        self._begun += 1

    def factors(self, values: Sequence[Hashable]) -> Floats:
        return self._gamblers.factors(self._ranks.next(values))


def generator(seed: int, begun: int = 0) -> np.random.Generator:
    """Breaks ties; others after each restart, of which there were `begun`.

    Salted: data that were simulated with the same seed must not depend on it.
    """
    return np.random.default_rng([seed, 0x7469_6573, begun])


def _smoothed(below: Codes, equal: Codes, before: Codes, rng: np.random.Generator) -> Floats:
    """A uniform draw between the ranks of the first and the last of those tied."""
    ranks: Floats = (below + rng.random(len(below)) * equal) / (before + 1)
    return ranks


def _numbers(values: npt.ArrayLike, name: str) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or np.isnan(numbers).any():
        raise StatisticsInputError(
            f"{name} of shape {numbers.shape} must be one column without NaN; give a missing "
            "number as infinity: it ranks highest"
        )
    return numbers
