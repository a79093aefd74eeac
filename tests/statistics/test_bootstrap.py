"""Bounds on a mean: against exact answers, brute force, and what a t test gets wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc, betaincinv

from fullturn.statistics.bootstrap import chance_below, interval, lower_bound
from fullturn.statistics.groups import GroupTotals, group_totals


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
