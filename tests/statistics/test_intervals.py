"""Intervals for one mean or proportion, and the bootstrap behind them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc, betaincinv, ndtr, ndtri

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics import intervals
from fullturn.statistics.inputs import GroupTotals, group_totals
from fullturn.statistics.intervals import (
    chance_below,
    cluster_mean,
    interval,
    lower_bound,
    wilson,
    zero_hits_bound,
)


def test_wilson_gives_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, method 3.
    interval = wilson(81, 263)
    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval.estimate == 81 / 263


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.999))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_wilson_holds_the_estimate_and_mirrors(n: int, share: float, confidence: float) -> None:
    hits = round(share * n)
    one, other = wilson(hits, n, confidence), wilson(n - hits, n, confidence)
    assert 0 <= one.low <= one.estimate <= one.high <= 1
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(StatisticsInputError, match=f"{hits} successes in {n}"):
        wilson(hits, n)


def test_zero_hits_follow_the_rule_of_three() -> None:
    assert zero_hits_bound(1) == pytest.approx(0.95)
    for n in (30, 100, 1000):
        bound = zero_hits_bound(n)
        assert (1 - bound) ** n == pytest.approx(0.05)
        assert 2.8 / n < bound <= 3 / n


def test_zero_hits_need_a_trial() -> None:
    with pytest.raises(StatisticsInputError, match="0 trials"):
        zero_hits_bound(0)


scored = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({g for _, g in rows}) > 1
)


@given(scored, st.randoms(use_true_random=False))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_a_cluster_mean_holds_the_row_mean_in_any_order(
    rows: list[tuple[float, int]], random: object
) -> None:
    values, groups = zip(*rows, strict=True)
    interval = cluster_mean(values, groups)
    assert interval.estimate == pytest.approx(np.mean(values), abs=1e-12)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    random.shuffle(rows)  # type: ignore[attr-defined]
    shuffled = cluster_mean(*zip(*rows, strict=True))
    assert (shuffled.low, shuffled.high) == pytest.approx((interval.low, interval.high), abs=1e-7)


def test_equal_scores_still_leave_room_for_doubt() -> None:
    right = cluster_mean([1.0] * 50, range(50))
    assert right.high == 1.0
    assert right.low == pytest.approx(1 - zero_hits_bound(50, 0.975), rel=0.01)


def test_copies_of_rows_add_no_certainty() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 1, 25)
    once = cluster_mean(values, np.arange(25))
    thrice = cluster_mean(np.repeat(values, 3), np.repeat(np.arange(25), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-8)


def test_one_large_group_widens_the_interval() -> None:
    values = np.random.default_rng(2).integers(0, 2, 60)
    even = cluster_mean(values, np.repeat(np.arange(30), 2))
    lopsided = cluster_mean(values, np.r_[np.zeros(32, int), np.arange(1, 29)])
    assert lopsided.high - lopsided.low > 1.5 * (even.high - even.low)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([], [], "at least one row"),
        ([0.5, math.nan], ["a", "b"], r"values\[1\] is nan"),
        ([0.5, 1.5], ["a", "b"], r"values\[1\] is 1.5"),
        ([0.5, "x"], ["a", "b"], "must be numbers"),
        ([[0.5], [0.5]], ["a", "b"], r"shape \(2, 1\)"),
        ([0.5, 0.5], ["a"], "one label per row"),
        ([0.5, 0.5], ["a", "a"], "at least 2 groups"),
        ([0.5, 0.5], np.array(["a", None]), "do not compare"),
    ],
)
def test_what_no_interval_can_be_computed_from_is_refused(
    values: list[object], groups: list[object], message: str
) -> None:
    with pytest.raises(StatisticsInputError, match=message):
        cluster_mean(values, groups)  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, math.nan])
def test_a_confidence_lies_between_zero_and_one(confidence: float) -> None:
    with pytest.raises(StatisticsInputError, match="confidence is"):
        cluster_mean([0.0, 1.0], [1, 2], confidence)


def single(values: list[float]) -> GroupTotals:
    return group_totals(np.array(values), np.arange(len(values)))


@pytest.mark.parametrize(
    ("hits", "n"), [(0, 2), (1, 2), (2, 2), (0, 5), (2, 5), (0, 30), (10, 30), (1, 300), (10, 300)]
)
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6])
def test_yes_no_values_give_the_binomial_p_value(n: int, hits: int, rate: float) -> None:
    totals = single([1.0] * hits + [0.0] * (n - hits))
    exact = 1.0 if hits == n else 1 - betainc(hits + 1, n - hits, rate)
    found = chance_below(totals.mirrored(), -rate, -1.0)
    assert found == pytest.approx(exact, rel=0.03, abs=1e-4)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (7, 20), (20, 20), (3, 400)])
def test_yes_no_values_give_the_interval_of_clopper_and_pearson(hits: int, n: int) -> None:
    low, high = interval(single([1.0] * hits + [0.0] * (n - hits)), 0.95, 0.0, 1.0)
    assert low == pytest.approx(betaincinv(hits, n - hits + 1, 0.025) if hits else 0, rel=0.03)
    assert high == pytest.approx(betaincinv(hits + 1, n - hits, 0.975) if hits < n else 1, rel=0.03)


@pytest.mark.parametrize("threshold", [-0.4, -0.15, 0.0, 0.1, 0.3])
def test_fractions_in_groups_give_what_simulated_weights_give(threshold: float) -> None:
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 12, 40)
    values = rng.uniform(-1, 1, 40) ** 3
    totals = group_totals(values, codes)
    size = totals.typical_size
    sums = np.append(np.repeat(totals.sums, totals.counts.astype(int)), -size)
    sizes = np.append(np.repeat(totals.sizes, totals.counts.astype(int)), size)
    weights = rng.exponential(size=(200_000, sums.size))
    simulated = np.mean(weights @ sums <= threshold * (weights @ sizes))
    assert chance_below(totals, threshold, -1.0) == pytest.approx(simulated, abs=0.005, rel=0.02)


values = st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=2, max_size=30)


@given(values, st.floats(0.001, 0.4))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_the_bound_is_where_the_p_value_crosses_alpha(numbers: list[float], alpha: float) -> None:
    totals = single(numbers)
    bound = lower_bound(totals, alpha, -1.0)
    assert -1.0 <= bound <= totals.mean
    if -1.0 < bound < totals.mean - 1e-6:
        assert chance_below(totals, bound, -1.0) == pytest.approx(alpha, rel=1e-3)


@given(values)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_the_p_value_grows_with_the_threshold(numbers: list[float]) -> None:
    totals = single(numbers)
    chances = [chance_below(totals, t, -1.0) for t in np.linspace(-1, 1, 41)]
    assert all(0 <= c <= 1 for c in chances)
    assert np.all(np.diff(chances) >= -1e-9)


def test_a_threshold_at_the_estimate_is_no_special_case() -> None:
    totals = GroupTotals(np.array([1.0, -1.0]), np.ones(2), np.array([8.0, 7.0]))
    beside = [chance_below(totals, t, -1.0) for t in (-1e-4, -1e-7, 0.0, 1e-7, 1e-4)]
    assert np.ptp(beside) < 1e-3
    assert beside[2] == pytest.approx(0.5, abs=0.02)


def test_values_that_cannot_be_lower_or_higher_need_no_computation() -> None:
    assert chance_below(single([-0.5, -0.5]), -0.5, -1.0) == 1.0
    assert chance_below(single([-0.5, -0.5]), -1.0, -1.0) == 0.0
    assert lower_bound(single([-1.0, -1.0]), 0.05, -1.0) == -1.0


def test_many_groups_give_the_normal_interval() -> None:
    sample = np.random.default_rng(3).uniform(-0.5, 0.5, 20_000)
    low, high = interval(single(sample.tolist()), 0.95, -1.0, 1.0)
    half = 1.96 * sample.std() / np.sqrt(sample.size)
    assert low == pytest.approx(sample.mean() - half, abs=0.06 * half)
    assert high == pytest.approx(sample.mean() + half, abs=0.06 * half)


@given(st.floats(1e-300, 1, exclude_max=True))
def test_the_quantile_is_scipys(probability: float) -> None:
    expected = float(ndtri(probability))
    assert intervals.normal_quantile(probability) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(st.floats(-35, 35))
def test_the_chance_is_scipys(number: float) -> None:
    assert intervals.normal_cdf(number) == pytest.approx(float(ndtr(number)), rel=1e-12, abs=1e-300)


def test_the_ends_are_infinite() -> None:
    assert (intervals.normal_quantile(0.0), intervals.normal_quantile(1.0)) == (-math.inf, math.inf)
    assert (intervals.normal_cdf(-math.inf), intervals.normal_cdf(math.inf)) == (0.0, 1.0)
