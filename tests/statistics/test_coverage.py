"""Seeded simulations: the error rates that are declared are the ones that happen."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from fullturn.statistics.inputs import GroupTotals, group_totals
from fullturn.statistics.intervals import chance_below
from fullturn.statistics.paired import inferiority_p

RUNS = 300
# Shares of rows that only the reference, and only the candidate, gets right.
DISCORDANCE = [(0.02, 0.02), (0.1, 0.1), (0.2, 0.1), (0.05, 0.0), (0.1, 0.0)]


def allowed(alpha: float, runs: int) -> float:
    return alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)


def draw(rng: np.random.Generator, sizes: np.ndarray, lost: float, gained: float) -> GroupTotals:
    """Differences of right and wrong answers; seven rows in ten share the luck of their group."""
    codes = np.repeat(np.arange(sizes.size), sizes)
    luck = np.where(
        rng.random(codes.size) < 0.7, rng.random(sizes.size)[codes], rng.random(codes.size)
    )
    return group_totals((luck > 1 - gained) * 1.0 - (luck < lost), codes)


def missed(totals: GroupTotals, truth: float) -> tuple[bool, bool]:
    """Whether the 95 % interval lies above the truth, or below it (see test_paired)."""
    too_high = chance_below(totals, truth, -1.0) <= 0.025
    return too_high, chance_below(totals.mirrored(), -truth, -1.0) <= 0.025


@pytest.mark.parametrize("groups", [30, 100, 300])
def test_the_paired_interval_covers(groups: int) -> None:
    rng = np.random.default_rng(groups)
    misses = []
    for lost, gained in DISCORDANCE:
        runs = [
            missed(draw(rng, rng.integers(1, 5, groups), lost, gained), gained - lost)
            for _ in range(RUNS)
        ]
        above, below = np.mean(runs, axis=0)
        assert above <= allowed(0.025, RUNS), (lost, gained)
        assert below <= allowed(0.025, RUNS), (lost, gained)
        misses.append(above + below)
    assert 1 - np.mean(misses) >= 0.95


@pytest.mark.parametrize(
    ("groups", "lost", "gained"), list(product([30, 100], [0.1, 0.2], [0.0, 0.1]))
)
def test_a_few_large_groups_do_not_break_the_level(groups: int, lost: float, gained: float) -> None:
    rng = np.random.default_rng(groups)
    wrong = []
    for _ in range(RUNS):
        sizes = np.where(rng.random(groups) < 0.1, 20, 1)
        codes = np.repeat(np.arange(groups), sizes)
        luck = rng.random(groups)[codes]
        totals = group_totals((luck > 1 - gained) * 1.0 - (luck < lost), codes)
        wrong.append(chance_below(totals, gained - lost, -1.0) <= 0.05)
    assert np.mean(wrong) <= allowed(0.05, RUNS)


def test_equal_candidates_are_seldom_called_worse() -> None:
    rng = np.random.default_rng(21)
    called = 0
    for _ in range(1000):
        sizes = rng.integers(1, 5, 100)
        codes = np.repeat(np.arange(100), sizes)
        shared = rng.random(codes.size) < 0.8
        luck = rng.random(codes.size)
        reference = (luck < 0.7) * 1.0
        candidate = np.where(shared, reference, rng.random(codes.size) < 0.7)
        called += inferiority_p(candidate, reference, codes) <= 0.05
    assert 0 < called / 1000 <= allowed(0.05, 1000)


def test_smooth_scores_are_covered_too() -> None:
    rng = np.random.default_rng(22)
    wrong = []
    codes = np.repeat(np.arange(40), 3)
    for _ in range(RUNS):
        level = rng.beta(4, 2, 40)[codes]
        totals = group_totals(rng.beta(20 * level, 20 * (1 - level)), codes)
        wrong.append(chance_below(totals, 2 / 3, 0.0) <= 0.05)
    assert np.mean(wrong) <= allowed(0.05, RUNS)
