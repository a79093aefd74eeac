"""Bets on vectors: a direction of change is learned from some rows and tested on the others.

The maximum mean discrepancy between two sets of vectors is the largest difference of means that
a function of a kernel's space can make; the function that makes it is the witness (Gretton and
others, JMLR 13, 2012). The kernel here is linear plus Gaussian: of sentence vectors mostly the
mean moves, of others also the shape. Random Fourier features (Rahimi and Recht, NIPS 2007) make
the witness a scalar product.

A rank is only uniform if the witness knows nothing of the rows that are ranked. So every third
row, of the reference and of the stream, teaches the witness and is never bet on; all others are
ranked by it among themselves, and never teach (sample splitting). Given the teaching rows the
others remain exchangeable, and the ranks are as valid as those of `fullturn.statistics.conformal`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.conformal import RankGamblers, Ranks, generator
from fullturn.statistics.edetector import Bets
from fullturn.statistics.inputs import Floats

TEACH = 3
"""One row in so many teaches."""
WAVES = 128
"""Random features of the Gaussian part."""
_SHARE = 0.25
"""Weight of the Gaussian part beside the linear one."""
_MEMORY = 60
"""Teaching rows in the witness's window, which decays exponentially."""
_LESSONS = 12
"""The witness changes after so many teaching rows, or a share of the bag if that is more."""
_BAG_PER_LESSON = 300
LARGEST_BAG = 10_000
"""Above it the older half is forgotten, and ranks are uniform only nearly."""
Singles = npt.NDArray[np.float32]


class Features:
    """Features whose scalar product is about x·y/σ² + ¼ exp(-|x - y|²/2σ²).

    σ is the median distance between the vectors of `sample`, shape (rows, d); x and y are
    measured from their mean.
    """

    def __init__(self, sample: Floats, rng: np.random.Generator) -> None:
        few = sample[:200]
        distances = np.sqrt(np.maximum(0, _squares(few)[np.triu_indices(len(few), 1)]))
        self._scale = (float(np.median(distances)) if distances.size else 0.0) or 1.0
        self._mean = sample.mean(axis=0)
        self._frequencies = rng.normal(size=(sample.shape[1], WAVES))
        self._phases = rng.uniform(0, 2 * np.pi, WAVES)

    def of(self, vectors: Floats) -> Singles:
        """Shape (n, d + 128)."""
        straight = (vectors - self._mean) / self._scale
        # Row by row: the rounding of a product of matrices depends on how many rows there are.
        turns = np.array([row @ self._frequencies for row in straight]).reshape(-1, WAVES)
        waves = np.cos(turns + self._phases)
        both = np.concatenate([straight, waves * np.sqrt(2 * _SHARE / WAVES)], axis=1)
        return both.astype(np.float32)


class Bag:
    """Rows of features that only grows, until it is too large: then the older half goes."""

    def __init__(self, rows: Singles) -> None:
        self._room, self._size = rows.copy(), len(rows)

    def add(self, rows: Singles) -> None:
        needed = self._size + len(rows)
        if needed > len(self._room):
            larger = np.empty((2 * needed, self._room.shape[1]), dtype=np.float32)
            larger[: self._size] = self.rows
            self._room = larger
        self._room[self._size : needed] = rows
        self._size = needed

    def shrink(self) -> None:
        if self._size > LARGEST_BAG:
            self._room = self.rows[-LARGEST_BAG // 2 :].copy()
            self._size = len(self._room)

    @property
    def rows(self) -> Singles:
        return self._room[: self._size]


class VectorBets(Bets):
    """On vectors of shape (n, d), against a reference of shape (m, d) that grows.

    Raises StatisticsInputError for fewer than six reference rows, or vectors that are not finite.
    """

    def __init__(self, reference: npt.ArrayLike, seed: int = 0) -> None:
        rows = _vectors(reference)
        if len(rows) < 2 * TEACH:
            raise StatisticsInputError(
                f"{len(rows)} reference vectors teach nothing: give at least {2 * TEACH}"
            )
        self._features = Features(rows[::TEACH], generator(seed))
        self._reference = self._features.of(rows)
        self._seed, self._begun = seed, 0
        self.restart()
        self.weights = self._gamblers.weights

    @property
    def remembered(self) -> int:
        """So many rows, of the reference and of the stream, are ranked against."""
        return len(self._bag.rows)

    def restart(self) -> None:
        self._begun += 1
        self._rng = generator(self._seed, self._begun)
        self._gamblers = RankGamblers(upward=True)
        features = self._reference
        self._taken = len(features)
        teaching = np.arange(len(features)) % TEACH == 0
        self._bag = Bag(features[~teaching])
        self._sum = np.zeros(features.shape[1])
        self._recent, self._lessons = self._sum.copy(), 0
        self._teach(features[teaching])
        self._learn()

    def factors(self, values: npt.ArrayLike) -> Floats:
        """Rows that teach leave all fortunes as they are: factor 1."""
        features = self._features.of(_vectors(values))
        found = np.ones((len(features), self.weights.size))
        done = 0
        while done < len(features):
            part = features[done : done + self._room()]
            teaching = (self._taken + np.arange(len(part))) % TEACH == 0
            ranked = part[~teaching]
            if len(ranked):
                ranks = self._ranks.next(self._scores(ranked))
                found[done : done + len(part)][~teaching] = self._gamblers.factors(ranks)
                self._bag.add(ranked)
            self._teach(part[teaching])
            self._taken += len(part)
            done += len(part)
            if self._taken >= self._next:
                self._learn()
        return found

    def _room(self) -> int:
        return max(1, self._next - self._taken)

    def _teach(self, features: Singles) -> None:
        decay = 1 - 1 / _MEMORY
        for row in features:
            self._recent = decay * self._recent + (1 - decay) * row
            self._sum = self._sum + row
        self._lessons += len(features)

    def _learn(self) -> None:
        """Where the newest teaching rows differ from all of them; the bag is ranked by it again."""
        self._bag.shrink()
        weight = 1 - (1 - 1 / _MEMORY) ** self._lessons
        difference = self._recent / weight - self._sum / self._lessons
        self._witness: Singles = difference.astype(np.float32)
        bag = self._bag.rows
        self._ranks = Ranks(self._scores(bag), self._rng)
        self._next = self._taken + TEACH * max(_LESSONS, len(bag) // _BAG_PER_LESSON)

    def _scores(self, features: Singles) -> Floats:
        # Not `@`: equal rows must be tied, in whatever company.
        scores: Singles = np.einsum("nd,d->n", features, self._witness)
        return scores.astype(np.float64)


def _squares(rows: Floats) -> Floats:
    lengths = (rows**2).sum(axis=1)
    squares: Floats = lengths[:, None] + lengths - 2 * rows @ rows.T
    return squares


def _vectors(values: npt.ArrayLike) -> Floats:
    vectors = np.asarray(values, dtype=np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise StatisticsInputError(
            f"vectors of shape {vectors.shape} must be finite, one row each; "
            "give a missing text as zeros"
        )
    return vectors
