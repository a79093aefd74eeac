"""Intervals for one mean or proportion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.intervals import cluster_mean, wilson, zero_hits_bound


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
