"""Every detector keeps its declared run length, finds what was planted, and is replayed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.conformal import CategoryBets, NumberBets, RankGamblers, Ranks, generator
from fullturn.statistics.edetector import BLOCK, Bets, Crossing, EDetector
from fullturn.statistics.mmd import VectorBets
from fullturn.statistics.rates import MeanBets

ARL = 100
LEVEL = 0.1
Draw = Callable[[np.random.Generator, int], Any]


@dataclass(frozen=True)
class Subject:
    """Bets on a fresh reference, values as before, values after a change, and pinned alarms."""

    make: Callable[[np.random.Generator, int, int], Bets]
    """Generator, seed, rows of reference → bets."""
    same: Draw
    other: Draw
    within: int
    """Rows in which the change is found, at a threshold of 10,000."""
    pinned: tuple[tuple[int, int], ...]
    """Row and `since` of each crossing of the seeded stream."""


def vectors(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=(n, 6)) * (1, 2, 1, 1, 1, 0)


def few(rng: np.random.Generator, n: int) -> list[str]:
    return [str(value) for value in rng.choice(["a", "b", "c"], n, p=[0.7, 0.25, 0.05])]


SUBJECTS: dict[type[Bets], Subject] = {
    NumberBets: Subject(
        lambda rng, seed, rows: NumberBets(rng.normal(size=rows), seed),
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: rng.normal(0.7, 1, n),
        150,
        ((689, 55),),
    ),
    CategoryBets: Subject(
        lambda rng, seed, rows: CategoryBets(few(rng, rows), seed),
        few,
        lambda rng, n: [str(value) for value in rng.choice(["a", "c", "d"], n, p=[0.6, 0.3, 0.1])],
        100,
        ((609, 21), (643, 24), (678, 34), (699, 19)),
    ),
    VectorBets: Subject(
        lambda rng, seed, rows: VectorBets(vectors(rng, max(6, rows)), seed),
        vectors,
        lambda rng, n: vectors(rng, n) + np.array([0, 0, 1.5, 0, 0, 0]),
        200,
        ((659, 10),),
    ),
    MeanBets: Subject(
        lambda rng, seed, rows: MeanBets(LEVEL),
        lambda rng, n: (rng.random(n) < LEVEL) * 1.0,
        lambda rng, n: (rng.random(n) < 0.35) * 1.0,
        120,
        ((642, 5), (661, 7), (690, 28)),
    ),
}
every_kind = pytest.mark.parametrize("kind", SUBJECTS, ids=lambda kind: kind.__name__)


def kinds(parent: type[Bets] = Bets) -> Iterator[type[Bets]]:
    for child in parent.__subclasses__():
        yield child
        yield from kinds(child)


def joined(first: Any, second: Any) -> Any:
    return [*first, *second] if isinstance(first, list) else np.concatenate([first, second])


def changed(kind: type[Bets], seed: int, arl: float, at: int, n: int) -> list[Crossing]:
    """Crossings of a stream that changes at a row."""
    subject, rng = SUBJECTS[kind], np.random.default_rng([seed, 5])
    detector = EDetector(subject.make(rng, seed, 300), arl)
    values = joined(subject.same(rng, at), subject.other(rng, n - at))
    return list(detector.fold(values).crossings)


def run_length(make: Callable[[Any, int, int], Bets], same: Draw, rows: int) -> float:
    """Mean observations to a false alarm; cut off at 600, so the true mean is larger still."""
    lengths = []
    for seed in range(60):
        rng = np.random.default_rng([seed, rows])
        detector, values = EDetector(make(rng, seed, rows), ARL), same(rng, 6 * ARL)
        crossings = (
            start + one.row + 1
            for start in range(0, 6 * ARL, ARL)
            for one in detector.fold(values[start : start + ARL]).crossings
        )
        lengths.append(next(crossings, 6 * ARL))
    return float(np.mean(lengths))


class FixedReference(Bets):
    """The planted fault: ranks inherit the sampling error of the reference."""

    def __init__(self, reference: np.ndarray, seed: int) -> None:
        self.reference, self.seed = reference, seed
        self.weights = RankGamblers().weights
        self.restart()

    def restart(self) -> None:
        self.gamblers = RankGamblers()

    def factors(self, values: Any) -> np.ndarray:
        ranks = [
            Ranks(self.reference, generator(self.seed + n)).next([v])[0]
            for n, v in enumerate(values)
        ]
        return self.gamblers.factors(np.array(ranks))


def test_the_suite_knows_every_detector() -> None:
    assert set(SUBJECTS) == {kind for kind in kinds() if kind.__module__.startswith("fullturn.")}


@every_kind
@pytest.mark.parametrize("rows", [0, 10, 300])
def test_the_measured_run_length_is_at_least_the_declared_one(kind: type[Bets], rows: int) -> None:
    subject = SUBJECTS[kind]
    assert run_length(subject.make, subject.same, rows) >= ARL


def test_the_suite_catches_ranks_in_a_reference_that_does_not_grow() -> None:
    def make(rng: np.random.Generator, seed: int, rows: int) -> Bets:
        return FixedReference(rng.normal(size=rows), seed)

    assert run_length(make, SUBJECTS[NumberBets].same, 20) < ARL


@every_kind
@pytest.mark.parametrize("rows", [10, 50])
def test_restarted_it_raises_at_most_one_false_alarm_per_run_length(
    kind: type[Bets], rows: int
) -> None:
    subject, alarms, n = SUBJECTS[kind], 0, 1000
    for seed in range(20):
        rng = np.random.default_rng([seed, 3])
        detector = EDetector(subject.make(rng, seed, rows), ARL)
        alarms += len(detector.fold(subject.same(rng, n)).crossings)
    assert alarms <= 20 * n / ARL


@every_kind
def test_restarted_bets_are_those_on_a_first_day(kind: type[Bets]) -> None:
    subject, rng = SUBJECTS[kind], np.random.default_rng(6)
    used, fresh = (subject.make(np.random.default_rng(1), 1, 60) for _ in range(2))
    for _ in range(2):
        used.factors(subject.other(rng, 300))
        used.restart()
        fresh.restart()
    values = subject.same(rng, 200)
    assert np.array_equal(used.factors(values), fresh.factors(values))


def test_a_restart_breaks_ties_anew() -> None:
    bets = NumberBets(np.zeros(50), 1)
    once = bets.factors(np.zeros(20))
    bets.restart()
    assert not np.array_equal(bets.factors(np.zeros(20)), once)


class Unforgetful(CategoryBets):
    """The planted fault: its bag keeps what it saw of a change."""

    def restart(self) -> None:
        if not self._begun:
            super().restart()


@every_kind
def test_what_is_normal_again_after_a_change_is_no_alarm(kind: type[Bets]) -> None:
    for seed in range(4):
        assert after_a_change(kind, SUBJECTS[kind].make, seed) == 0


def test_the_suite_catches_gamblers_that_do_not_forget() -> None:
    def make(rng: np.random.Generator, seed: int, rows: int) -> Bets:
        return Unforgetful(few(rng, rows), seed)

    assert sum(after_a_change(CategoryBets, make, seed) for seed in range(4)) > 0


def after_a_change(kind: type[Bets], make: Callable[[Any, int, int], Bets], seed: int) -> int:
    """Alarms in 1000 rows as before that follow 1500 others."""
    subject, rng = SUBJECTS[kind], np.random.default_rng([seed, 12])
    detector = EDetector(make(rng, seed, 300), 1e6, rest=50)
    assert detector.fold(subject.other(rng, 1500)).crossings
    return len(detector.fold(subject.same(rng, 1000)).crossings)


@every_kind
def test_a_planted_change_is_found_and_dated(kind: type[Bets]) -> None:
    delays, began = [], []
    for seed in range(12):
        later = [c for c in changed(kind, seed, 1e4, 400, 800) if c.row >= 400]
        assert later, f"seed {seed} finds nothing"
        delays.append(later[0].row - 400)
        began.append(later[0].row + 1 - later[0].since)
    assert max(delays) <= SUBJECTS[kind].within
    assert abs(np.median(began) - 400) <= 40


@every_kind
def test_nothing_is_found_without_a_change(kind: type[Bets]) -> None:
    subject = SUBJECTS[kind]
    for seed in range(12):
        rng = np.random.default_rng([seed, 9])
        # At most 12 × 800 / 10⁶ alarms are expected of a right detector.
        detector = EDetector(subject.make(rng, seed, 300), 1e6)
        assert not detector.fold(subject.same(rng, 800)).crossings


@every_kind
def test_a_seeded_stream_has_these_alarms(kind: type[Bets]) -> None:
    found = changed(kind, 77, 1e4, 600, 720)
    assert tuple((crossing.row, crossing.since) for crossing in found) == SUBJECTS[kind].pinned


@every_kind
@pytest.mark.parametrize("rest", [0, 7])
def test_what_comes_out_does_not_depend_on_the_calls(kind: type[Bets], rest: int) -> None:
    subject, rng = SUBJECTS[kind], np.random.default_rng(8)
    values = joined(subject.same(rng, 500), subject.other(rng, 200))
    bets = [subject.make(np.random.default_rng(1), 1, 40) for _ in range(2)]
    detectors = [EDetector(each, 1e3, rest) for each in bets]
    whole = detectors[0].fold(values)
    cuts = [0, 1, 2, 5, BLOCK - 1, BLOCK + 2, 500, 511, 700]
    parts = [detectors[1].fold(values[a:b]) for a, b in pairwise(cuts)]
    assert np.array_equal(np.concatenate([part.statistics for part in parts]), whole.statistics)
    moved = [
        Crossing(crossing.row + start, crossing.statistic, crossing.since)
        for start, part in zip(cuts, parts, strict=False)
        for crossing in part.crossings
    ]
    assert tuple(moved) == whole.crossings and whole.crossings
    assert detectors[0].statistic == detectors[1].statistic
    assert detectors[0].count == detectors[1].count == 700


@every_kind
def test_an_empty_call_changes_nothing(kind: type[Bets]) -> None:
    subject, rng = SUBJECTS[kind], np.random.default_rng(2)
    detector = EDetector(subject.make(rng, 0, 20), ARL)
    detector.fold(subject.same(rng, 30))
    before = detector.statistic
    assert detector.fold(subject.same(rng, 0)).crossings == ()
    assert (detector.statistic, detector.count) == (before, 30)


@every_kind
def test_weights_share_one_fortune(kind: type[Bets]) -> None:
    bets = SUBJECTS[kind].make(np.random.default_rng(0), 0, 30)
    assert bets.weights.sum() == pytest.approx(1.0)
    assert (bets.weights > 0).all()


class Fixed(Bets):
    """Factors from a list: what a detector makes of them can be worked out by hand."""

    weights = np.array([0.5, 0.5])

    def restart(self) -> None:
        """It knows nothing."""

    def factors(self, values: Any) -> np.ndarray:
        return np.array([values, np.ones(len(values))]).T


def test_the_statistic_is_that_of_shiryaev_and_roberts() -> None:
    found = EDetector(Fixed(), 100).fold([2.0, 2.0, 0.5, 0.0, 3.0])
    one = [2.0, 6.0, 3.5, 0.0, 3.0]
    assert found.statistics == pytest.approx([(a + n) / 2 for n, a in enumerate(one, 1)])
    assert found.crossings == ()


def test_it_restarts_after_an_alarm_and_dates_the_change() -> None:
    detector = EDetector(Fixed(), 10)
    found = detector.fold([0.5, 0.5, 3.0, 3.0, 3.0, 1.0, 1.0])
    assert found.crossings == (Crossing(row=3, statistic=(18.75 + 4) / 2, since=2),)
    assert found.statistics[4:] == pytest.approx([2.0, 3.0, 4.0])


def test_it_rests_after_an_alarm_and_longer_after_each_in_a_row() -> None:
    detector = EDetector(Fixed(), 5, rest=3)
    found = detector.fold([20.0] * 25)
    assert [crossing.row for crossing in found.crossings] == [0, 4, 11, 24]
    assert found.statistics[[1, 2, 3]] == pytest.approx([0.0] * 3)
    assert (detector.resting, detector.count) == (24, 25)


@pytest.mark.parametrize(("calm", "rests"), [(5, 6), (6, 3)])
def test_awake_for_twice_as_long_as_it_rested_it_rests_no_longer_than_at_first(
    calm: int, rests: int
) -> None:
    detector = EDetector(Fixed(), 5, rest=3)
    found = detector.fold([20.0, *[0.0] * (3 + calm), 20.0])
    assert [crossing.row for crossing in found.crossings] == [0, 4 + calm]
    assert detector.resting == rests


def test_a_long_streak_after_an_alarm_in_one_block_does_not_overflow() -> None:
    found = EDetector(Fixed(), 1e6).fold([1e200] * 300)
    assert len(found.crossings) == 300
    assert np.isfinite(found.statistics).all()


@pytest.mark.parametrize("arl", [0.5, float("nan"), -1])
def test_a_run_length_below_one_is_refused(arl: float) -> None:
    with pytest.raises(StatisticsInputError, match="arl is"):
        EDetector(Fixed(), arl)


def test_detectors_of_dependent_columns_keep_the_rate_together() -> None:
    alarms, n, columns = 0, 1000, 5
    for seed in range(15):
        rng = np.random.default_rng([seed, 4])
        mixing = rng.normal(size=(columns, columns))
        rows = rng.normal(size=(100 + n, columns)) @ mixing
        for column in range(columns):
            bets = NumberBets(rows[:100, column], seed * columns + column)
            alarms += len(EDetector(bets, columns * ARL).fold(rows[100:, column]).crossings)
    assert alarms <= 15 * n / ARL
