"""E-processes and confidence sequences: exact expectations, peeking, and agreement."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import Floats
from fullturn.statistics.sequential import EProcess, confidence_sequence, log_wealth, mean_bounds

steady = settings(deadline=None, derandomize=True, max_examples=40)
observations = st.lists(st.floats(-1, 1), max_size=60)


def fed(values: list[float] | Floats, null: float = 0.0) -> EProcess:
    process = EProcess(null)
    for value in values:
        process.update(float(value))
    return process


def paired_losses(rng: np.random.Generator, n: int, lost: float, gained: float) -> Floats:
    luck = rng.random(n)
    return (luck < lost) * 1.0 - (luck > 1 - gained)


@pytest.mark.parametrize(
    ("high", "low", "null"), [(1, -1, 0), (0.2, -0.7, 0), (1, -0.05, 0), (0.5, -1, -0.1)]
)
def test_its_expectation_is_one_when_the_mean_is_the_null(
    high: float, low: float, null: float
) -> None:
    chance = (null - low) / (high - low)
    expected = sum(
        math.prod(chance if x == high else 1 - chance for x in path) * fed(list(path), null).e_value
        for path in product((high, low), repeat=8)
    )
    assert expected == pytest.approx(1.0)


@given(observations, st.floats(-0.9, 0.9))
@steady
def test_it_is_finite_positive_and_blind_to_order(values: list[float], null: float) -> None:
    process = fed(values, null)
    assert process.count == len(values)
    assert 0 < process.e_value < math.inf
    assert process.peak_log_e >= max(0.0, process.log_e)
    assert process.p_value == pytest.approx(math.exp(-process.peak_log_e))
    assert fed(values[::-1], null).log_e == pytest.approx(process.log_e, abs=1e-9)


@given(observations, st.floats(0, 0.5))
@steady
def test_a_higher_null_is_refuted_less(values: list[float], step: float) -> None:
    assert fed(values, step).log_e <= fed(values, 0.0).log_e + 1e-9


@pytest.mark.parametrize("kind", ["sparse", "even", "rare loss"])
def test_peeking_at_every_observation_keeps_the_level(kind: str) -> None:
    rng = np.random.default_rng(11)
    runs, n, alpha = 200, 500, 0.05
    draws = {
        "sparse": lambda: paired_losses(rng, n, 0.02, 0.02),
        "even": lambda: rng.uniform(-1, 1, n),
        "rare loss": lambda: np.where(rng.random(n) < 0.05, 0.95, -0.05),
    }
    rejected = np.mean([fed(draws[kind]()).rejects(alpha) for _ in range(runs)])
    assert rejected <= alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)


def test_a_regression_in_paired_traffic_is_found() -> None:
    rng = np.random.default_rng(12)
    # 3 % errors, four in five of them shared, and half as many again in the candidate.
    found = [fed(paired_losses(rng, 3000, 0.0215, 0.006)).rejects(0.05) for _ in range(50)]
    assert np.mean(found) >= 0.95


def test_a_small_loss_is_shown_with_a_negative_null() -> None:
    gains = paired_losses(np.random.default_rng(13), 3000, 0.01, 0.01)
    assert fed(gains, null=-0.03).rejects(0.05)
    assert not fed(gains).rejects(0.05)
    assert not fed(gains - 0.03 * (gains == 0), null=-0.03).rejects(0.05)


def test_an_early_refutation_stays() -> None:
    process = fed([1.0] * 20 + [-1.0] * 40)
    assert process.e_value < 1
    assert process.rejects(0.01)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_long_runs_neither_overflow_nor_vanish(value: float) -> None:
    process = fed([value] * 5000)
    assert math.isfinite(process.log_e)
    assert (process.log_e > 2000) == (value > 0)
    assert 0 < fed([1.0] * 5000).e_value < math.inf


@pytest.mark.parametrize("value", [1.0001, -1.0001, math.nan, math.inf])
def test_an_observation_out_of_range_is_refused_and_not_counted(value: float) -> None:
    process = fed([0.5])
    before = process.log_e
    with pytest.raises(StatisticsInputError, match="outside"):
        process.update(value)
    assert (process.count, process.log_e) == (1, before)


@pytest.mark.parametrize("null", [-1.0, 1.0, math.nan])
def test_a_null_at_the_edge_is_refused(null: float) -> None:
    with pytest.raises(StatisticsInputError, match="null is"):
        EProcess(null)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_level_lies_between_zero_and_one(alpha: float) -> None:
    with pytest.raises(StatisticsInputError, match="alpha is"):
        EProcess().rejects(alpha)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=80))
@steady
def test_a_sequence_only_narrows_and_holds_the_mean(values: list[float]) -> None:
    lows, highs = confidence_sequence(values)
    assert lows.shape == highs.shape == (len(values),)
    assert np.all(np.diff(lows) >= 0) and np.all(np.diff(highs) <= 0)
    assert -1 <= lows[-1] <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= highs[-1] <= 1
    mirrored_lows, mirrored_highs = confidence_sequence(-np.array(values))
    assert mirrored_lows == pytest.approx(-highs, abs=1e-9)
    assert mirrored_highs == pytest.approx(-lows, abs=1e-9)


@pytest.mark.parametrize("n", [5, 60, 700])
def test_a_sequence_is_what_e_processes_refute(n: int) -> None:
    values = np.random.default_rng(n).uniform(-0.4, 0.9, n)
    lows, highs = confidence_sequence(values, alpha=0.1)
    middle = values.mean()
    for at in {n // 2, n - 1}:
        seen, low, high = values[: at + 1], float(lows[at]), float(highs[at])
        assert fed(seen, low - 1e-9).rejects(0.05)
        assert not fed(seen, low + 0.05 * (middle - low)).rejects(0.05)
        assert fed(-seen, -high - 1e-9).rejects(0.05)
        assert not fed(-seen, -high + 0.05 * (high - middle)).rejects(0.05)


@given(st.lists(st.sampled_from([-1.0, -0.3, 0.0, 0.8]), max_size=60), st.floats(-0.9, 0.9))
@steady
def test_wealth_from_counts_is_that_of_the_process(values: list[float], null: float) -> None:
    kinds = [-1.0, -0.3, 0.0, 0.8]
    counts = np.array([[values.count(kind) for kind in kinds], [0, 0, 0, 0]])
    found = log_wealth(kinds, counts, null)
    assert found == pytest.approx([fed(values, null).log_e, 0.0], abs=1e-9)


@pytest.mark.parametrize("n", [5, 60, 700])
def test_bounds_from_counts_are_what_processes_refute_now(n: int) -> None:
    values = np.random.default_rng(n).choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.7, 0.2])
    kinds, counts = np.unique(values, return_counts=True)
    low, high = mean_bounds(kinds, counts, alpha=0.1)
    assert low < values.mean() < high
    lows, highs = confidence_sequence(values, alpha=0.1)
    # Its thresholds lie some 2 % apart.
    assert low <= lows[-1] + 0.02 and high >= highs[-1] - 0.02
    if low > -1:
        assert fed(values, low - 1e-5).log_e >= math.log(20) > fed(values, low + 1e-5).log_e
    if high < 1:
        assert fed(-values, -high - 1e-5).log_e >= math.log(20) > fed(-values, -high + 1e-5).log_e


def test_bounds_of_nothing_are_the_whole_range() -> None:
    low, high = mean_bounds([0.0], [0], alpha=0.1)
    assert (low, high) == (pytest.approx(-1, abs=1e-6), pytest.approx(1, abs=1e-6))


def test_a_sequence_holds_the_true_mean_at_all_times_together() -> None:
    rng = np.random.default_rng(14)
    missed = 0
    for _ in range(80):
        lows, highs = confidence_sequence((rng.random(300) < 0.1) * 1.0, 0.1, low=0.0)
        missed += bool((lows > 0.1).any() or (highs < 0.1).any())
    assert missed / 80 <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / 80)
    assert highs[-1] - lows[-1] < 0.2


def test_a_sequence_scales_with_its_range() -> None:
    values = np.random.default_rng(15).random(50)
    lows, highs = confidence_sequence(values, low=0.0, high=1.0)
    wide_lows, wide_highs = confidence_sequence(values * 300 - 100, low=-100.0, high=200.0)
    assert wide_lows == pytest.approx(lows * 300 - 100)
    assert wide_highs == pytest.approx(highs * 300 - 100)


def test_a_single_certain_observation_can_already_refute() -> None:
    lows, _ = confidence_sequence([1.0, 0.0, 0.0, 0.0], alpha=0.5, low=0.0)
    assert lows[0] == lows[3] > 0


def test_a_sequence_refuses_what_is_out_of_range() -> None:
    with pytest.raises(StatisticsInputError, match=r"values\[0\] is 2.0"):
        confidence_sequence([2.0])
    with pytest.raises(StatisticsInputError, match="low must be the smaller"):
        confidence_sequence([0.0], low=1.0, high=1.0)
