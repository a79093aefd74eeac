"""Paired differences: symmetries, agreement of interval and tests, and what they show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.groups import group_totals, standard_error
from fullturn.statistics.intervals import zero_hits_bound
from fullturn.statistics.paired import inferiority_p, non_inferiority_p, paired_difference

steady = settings(deadline=None, derandomize=True, max_examples=40)
score = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1).map(lambda x: round(x, 3)))
rows = st.lists(st.tuples(score, score, st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda rows: len({g for *_, g in rows}) > 1
)
Rows = list[tuple[float, float, int]]


@given(rows)
@steady
def test_the_interval_holds_the_row_mean(rows: Rows) -> None:
    ours, theirs, groups = map(np.array, zip(*rows, strict=True))
    found = paired_difference(ours, theirs, groups)
    assert found.estimate == pytest.approx((ours - theirs).mean(), abs=1e-12)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert found.high - found.low > 1e-3
    assert found.standard_error > 0
    assert (found.rows, found.groups) == (len(rows), len(set(groups)))
    assert found.discordant_groups == len({g for a, b, g in rows if a != b})


@given(rows)
@steady
def test_swapping_the_two_swaps_the_signs(rows: Rows) -> None:
    ours, theirs, groups = zip(*rows, strict=True)
    one, other = paired_difference(ours, theirs, groups), paired_difference(theirs, ours, groups)
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-12)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-7)
    assert other.standard_error == pytest.approx(one.standard_error)


@given(rows, st.randoms(use_true_random=False))
@steady
def test_neither_order_nor_labels_matter(rows: Rows, random: object) -> None:
    one = paired_difference(*zip(*rows, strict=True))
    renamed = [(a, b, f"question {9 - g}") for a, b, g in rows]
    random.shuffle(renamed)  # type: ignore[attr-defined]
    other = paired_difference(*zip(*renamed, strict=True))
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=1e-7)
    assert other.discordant_groups == one.discordant_groups


@given(rows, st.floats(0.01, 0.3))
@steady
def test_the_tests_agree_with_the_interval(rows: Rows, margin: float) -> None:
    ours, theirs, groups = zip(*rows, strict=True)
    found = paired_difference(ours, theirs, groups, confidence=0.9)
    p = non_inferiority_p(ours, theirs, groups, margin)
    if abs(found.low + margin) > 1e-6:
        assert (p < 0.05) == (found.low > -margin)
    for lost in (0.0, margin):
        if abs(found.high + lost) > 1e-6:
            worse = inferiority_p(ours, theirs, groups, lost) < 0.05
            assert worse == (found.high < -lost)


@given(rows)
@steady
def test_copies_of_all_rows_add_no_evidence(rows: Rows) -> None:
    once = paired_difference(*zip(*rows, strict=True))
    twice = paired_difference(*zip(*(rows + rows), strict=True))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-7)
    assert twice.standard_error == pytest.approx(once.standard_error)


def test_no_discordance_gives_the_rule_of_three() -> None:
    scores, groups = np.ones(100), np.arange(100)
    found = paired_difference(scores, scores, groups, confidence=0.9)
    assert found.estimate == 0
    assert found.high == -found.low == pytest.approx(zero_hits_bound(100), rel=0.01)
    assert found.discordant_groups == 0
    assert non_inferiority_p(scores, scores, groups, 0.02) > 0.05
    assert non_inferiority_p(scores, scores, groups, 0.04) < 0.05
    assert inferiority_p(scores, scores, groups) == 1.0


def test_a_worse_candidate_is_inferior_and_a_better_one_superior() -> None:
    reference, groups = np.tile([1.0, 0.0], 60), np.repeat(np.arange(60), 2)
    worse = np.where(np.arange(120) % 8 == 0, 0.0, reference)
    assert inferiority_p(worse, reference, groups) < 0.01
    assert non_inferiority_p(worse, reference, groups, 0.05) > 0.9
    assert inferiority_p(reference, worse, groups) > 0.99
    assert non_inferiority_p(reference, worse, groups, 0.0) < 0.01


def test_paraphrases_count_as_one_question() -> None:
    ours, theirs = np.ones(80), np.ones(80)
    ours[:8] = 0
    apart = inferiority_p(ours, theirs, np.arange(80))
    together = inferiority_p(ours, theirs, np.repeat(np.arange(20), 4))
    assert apart < 0.01
    assert together > 0.05


def test_the_standard_error_is_the_usual_one_for_many_single_rows() -> None:
    difference = np.random.default_rng(4).uniform(-1, 1, 5000)
    found = standard_error(group_totals(difference, np.arange(5000)))
    assert found == pytest.approx(difference.std(ddof=1) / math.sqrt(5000), rel=1e-3)


def test_the_standard_error_is_cr1_plus_one_group() -> None:
    totals = group_totals(np.array([1.0, 0.0, -1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 2, 2, 2]))
    mean, sums, sizes = 1 / 6, np.array([1.0, -1.0, 1.0]), np.array([2, 1, 3])
    cr1 = 3 / 2 * np.sum((sums - mean * sizes) ** 2)
    kish = (4 + 1 + 9) / 6
    expected = math.sqrt(cr1 + kish**2 * (1 + mean**2)) / (6 + kish)
    assert standard_error(totals) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ours", "theirs", "groups", "message"),
    [
        ([1.0, 0.0], [1.0], [0, 1], "candidate has 2 rows and reference 1"),
        ([1.0, math.nan], [1.0, 0.0], [0, 1], r"candidate\[1\] is nan"),
        ([1.0, 0.0], [1.0, -0.1], [0, 1], r"reference\[1\] is -0.1"),
        ([], [], [], "at least one row"),
        ([1.0, 0.0], [1.0, 0.0], [7, 7], "at least 2 groups"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    ours: list[float], theirs: list[float], groups: list[int], message: str
) -> None:
    for call in (paired_difference, inferiority_p):
        with pytest.raises(StatisticsInputError, match=message):
            call(ours, theirs, groups)


@pytest.mark.parametrize("margin", [-0.01, 1.01, math.nan])
def test_a_margin_is_a_share_of_the_scale(margin: float) -> None:
    for call in (non_inferiority_p, inferiority_p):
        with pytest.raises(StatisticsInputError, match="margin is"):
            call([0.0, 1.0], [0.0, 1.0], [0, 1], margin)
