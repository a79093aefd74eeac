"""Ranks are uniform whatever the ties, and gamblers on them neither win nor lose on average."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.conformal import CategoryRanks, NumberBets, RankGamblers, Ranks
from fullturn.statistics.edetector import EDetector

steady = settings(deadline=None, derandomize=True, max_examples=60)
numbers = st.lists(
    st.sampled_from([-1.0, 0.0, 0.5, 2.0, float("inf")]) | st.floats(-5, 5), min_size=1, max_size=9
)


class Tie(np.random.Generator):
    """Breaks every tie at the same place."""

    def __init__(self, at: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.at = at

    def random(self, size: Any = None, *_: Any, **__: Any) -> Any:
        return np.full(size, self.at)


def chance_up_to(bag: list[Any], ranks: type, share: float) -> float:
    """P(rank ≤ share) if each of the bag is equally likely to come last."""
    chances = []
    for place, value in enumerate(bag):
        rest = bag[:place] + bag[place + 1 :]
        low, high = (float(ranks(rest, Tie(at)).next([value])[0]) for at in (0.0, 1.0))
        chances.append(np.clip((share - low) / (high - low), 0, 1))
    return float(np.mean(chances))


@given(numbers, st.floats(0.01, 0.99))
@steady
def test_the_rank_of_an_exchangeable_number_is_uniform(bag: list[float], share: float) -> None:
    assert chance_up_to(bag, Ranks, share) == pytest.approx(share)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), st.floats(0.01, 0.99))
@steady
def test_the_rank_of_an_exchangeable_category_is_uniform(bag: list[str], share: float) -> None:
    assert chance_up_to(bag, CategoryRanks, share) == pytest.approx(share)


@given(numbers, numbers, st.integers(0, 9))
@steady
def test_ranks_are_the_same_one_by_one(
    reference: list[float], values: list[float], cut: int
) -> None:
    whole = Ranks(reference, np.random.default_rng(1)).next(values)
    other = Ranks(reference, np.random.default_rng(1))
    parts = [other.next(values[:cut]), other.next(values[cut:])]
    assert np.concatenate(parts) == pytest.approx(whole)


def test_ranks_survive_the_move_of_new_values_to_the_old_ones() -> None:
    rng = np.random.default_rng(3)
    ranks, values = Ranks([], Tie(0.5)), rng.normal(size=10_000)
    for start in range(0, 10_000, 256):
        last = ranks.next(values[start : start + 256])
    assert last[-1] == pytest.approx((np.sum(values < values[-1]) + 0.5) / 10_000)


def test_rare_categories_rank_high_and_new_ones_highest() -> None:
    ranks = CategoryRanks(["a"] * 80 + ["b"] * 20, Tie(0.5))
    common, rare, new = (float(ranks.next([value])[0]) for value in ("a", "b", "c"))
    assert common < 0.5 < rare < 0.98 < new


def test_a_missing_category_is_one_of_its_own() -> None:
    ranks = CategoryRanks(["a"] * 50, Tie(0.5))
    assert ranks.next([None, None])[0] > 0.98


@pytest.mark.parametrize("upward", [False, True])
def test_a_uniform_rank_multiplies_each_fortune_by_one_on_average(upward: bool) -> None:
    grid = (np.arange(200_000) + 0.5) / 200_000
    means = RankGamblers(upward).factors(grid).mean(axis=0)[:-1]
    assert means == pytest.approx(np.ones(means.size), rel=2e-2)


def test_the_learner_too_neither_wins_nor_loses_on_average() -> None:
    gamblers = RankGamblers()
    gamblers.factors(np.random.default_rng(4).beta(5, 1, 300))
    grid = (np.arange(64) + 0.5) / 64
    learned = [copy.deepcopy(gamblers).factors(np.array([rank]))[0, -1] for rank in grid]
    assert np.mean(learned) == pytest.approx(1.0)
    assert max(learned) > 2


def test_factors_are_the_same_however_the_ranks_are_split_into_calls() -> None:
    ranks = np.random.default_rng(8).uniform(size=700)
    whole, parts = RankGamblers(), RankGamblers()
    found = [parts.factors(part) for part in np.split(ranks, [0, 1, 2, 259, 515, 699])]
    assert np.array_equal(whole.factors(ranks), np.concatenate(found))


def test_bets_do_not_wait_for_the_import_of_scipy_signal() -> None:
    program = (
        "import sys; from fullturn.statistics.conformal import RankGamblers as G; "
        "G().factors(__import__('numpy').array([0.5])); print('scipy.signal' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_learner_finds_a_column_that_became_constant() -> None:
    rng = np.random.default_rng(5)
    detector = EDetector(NumberBets(rng.normal(size=500)), 1e4)
    found = detector.fold(np.concatenate([rng.normal(size=300), np.full(60, 0.1)]))
    assert [crossing.row >= 300 for crossing in found.crossings][:1] == [True]


def test_missing_numbers_are_found_as_infinities() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=400)
    values[300::3] = np.inf
    found = EDetector(NumberBets(rng.normal(size=300)), 1e4).fold(values)
    assert found.crossings and 300 <= found.crossings[0].row < 330


def test_a_wider_spread_is_found_though_the_middle_stays() -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate([rng.normal(size=300), rng.normal(0, 2, 200)])
    found = EDetector(NumberBets(rng.normal(size=300)), 1e4).fold(values)
    assert found.crossings and found.crossings[0].row >= 300


def test_upward_gamblers_let_a_fall_pass() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(-0.5, 1, 200)
    both, upward = (
        EDetector(NumberBets(rng.normal(size=300), upward=up), 1e4).fold(values).crossings
        for up in (False, True)
    )
    assert both and not upward


@pytest.mark.parametrize("values", [[1.0, float("nan")], [[1.0]]])
def test_what_has_no_rank_is_refused(values: Any) -> None:
    with pytest.raises(StatisticsInputError, match="infinity"):
        NumberBets([0.0]).factors(values)
    with pytest.raises(StatisticsInputError, match="reference"):
        NumberBets(values)
