"""Paired differences, their p-values, and what a comparison can show."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import Codes, Floats, group_totals, standard_error
from fullturn.statistics.intervals import zero_hits_bound
from fullturn.statistics.paired import (
    groups_needed,
    holm,
    inferiority_p,
    minimum_detectable_effect,
    non_inferiority_p,
    paired_difference,
    pass_probability,
)

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


RUNS = 200
Pair = tuple[Floats, Floats, Codes]


def draw(rng: np.random.Generator, groups: int, lost: float, gained: float) -> Pair:
    """Pairs in groups of 1 to 4 rows; a group is lost or gained as a whole."""
    sizes = rng.integers(1, 5, groups)
    luck = np.repeat(rng.random(groups), sizes)
    candidate, reference = (luck > 1 - gained) * 1.0, (luck < lost) * 1.0
    return candidate, reference, np.repeat(np.arange(groups), sizes)


@pytest.mark.parametrize(("groups", "discordant"), [(60, 0.05), (150, 0.01), (300, 0.1)])
def test_the_detectable_effect_is_detected_four_times_out_of_five(
    groups: int, discordant: float
) -> None:
    rng = np.random.default_rng(groups)
    effect = np.mean(
        [
            minimum_detectable_effect(*draw(rng, groups, discordant, discordant), two_sided=False)
            for _ in range(20)
        ]
    )
    found = [
        inferiority_p(*draw(rng, groups, discordant + effect, discordant)) <= 0.05
        for _ in range(RUNS)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.11)


@pytest.mark.parametrize(("groups", "discordant"), [(100, 0.05), (300, 0.01), (300, 0.05)])
@pytest.mark.parametrize("margin", [0.03, 0.06, 0.1])
def test_an_equal_candidate_passes_as_often_as_foretold(
    groups: int, discordant: float, margin: float
) -> None:
    rng = np.random.default_rng(groups)
    pairs = [draw(rng, groups, discordant, discordant) for _ in range(RUNS)]
    passed = np.mean([non_inferiority_p(*pair, margin) <= 0.05 for pair in pairs])
    errors = [paired_difference(*pair).standard_error for pair in pairs[:30]]
    foretold = np.mean([pass_probability(margin, error, groups) for error in errors])
    assert passed == pytest.approx(foretold, abs=0.12)


def test_more_groups_two_sides_and_more_power_move_the_effect_as_they_should() -> None:
    rng = np.random.default_rng(5)
    pair = draw(rng, 100, 0.05, 0.05)
    many = draw(rng, 1000, 0.05, 0.05)
    two_sided = minimum_detectable_effect(*pair)
    assert minimum_detectable_effect(*many) < two_sided / 2
    assert minimum_detectable_effect(*pair, two_sided=False) < two_sided
    assert minimum_detectable_effect(*pair, power=0.95) > two_sided
    assert minimum_detectable_effect(*pair, alpha=0.01) > two_sided


def test_no_discordance_leaves_a_detectable_effect() -> None:
    same = np.ones(100)
    # Five losses and no gain have p = 1/32; the chance of five or more in 100 is 0.8 at 0.067.
    found = minimum_detectable_effect(same, same, np.arange(100), two_sided=False)
    assert found == pytest.approx(0.067, abs=0.004)


def test_too_few_groups_detect_nothing() -> None:
    assert minimum_detectable_effect([1, 0, 1], [1, 0, 1], [1, 2, 3]) == 1.0


def test_passing_gets_likelier_with_a_wider_margin() -> None:
    chances = [pass_probability(margin, 0.02, 150) for margin in (0.01, 0.03, 0.05, 0.2)]
    assert chances == sorted(chances)
    assert chances[0] < 0.1
    assert chances[-1] > 0.999


@pytest.mark.parametrize(
    ("margin", "error", "groups"), [(0, 0.1, 9), (0.1, 0, 9), (0.1, math.nan, 9), (0.1, 0.1, 1)]
)
def test_what_nothing_can_be_planned_from_is_refused(
    margin: float, error: float, groups: int
) -> None:
    with pytest.raises(StatisticsInputError, match="give positive numbers"):
        pass_probability(margin, error, groups)


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.1, 0.3])
def test_so_many_equal_groups_pass_and_clearly_fewer_do_not(margin: float) -> None:
    needed = groups_needed(margin)
    for groups, passes in ((math.ceil(1.03 * needed), True), (math.floor(0.9 * needed), False)):
        same = np.ones(2 * groups)
        p = non_inferiority_p(same, same, np.repeat(np.arange(groups), 2), margin)
        assert (p < 0.05) == passes


def test_a_margin_of_nothing_has_no_number_of_groups() -> None:
    for margin in (0.0, 1.0, math.nan):
        with pytest.raises(StatisticsInputError):
            groups_needed(margin)


def closed_test(p_values: dict[str, float]) -> dict[str, float]:
    """Reject a hypothesis when Bonferroni rejects every intersection that it is part of."""
    subsets = [s for r in range(1, len(p_values) + 1) for s in combinations(p_values, r)]
    return {
        name: max(min(1.0, len(s) * min(p_values[n] for n in s)) for s in subsets if name in s)
        for name in p_values
    }


p_values = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1), max_size=5)


@given(p_values)
def test_it_is_the_closed_bonferroni_test(given_p: dict[str, float]) -> None:
    assert holm(given_p) == pytest.approx(closed_test(given_p))


@given(p_values)
def test_it_raises_no_evidence_and_keeps_the_order(given_p: dict[str, float]) -> None:
    adjusted = holm(given_p)
    assert list(adjusted) == list(given_p)
    assert all(given_p[name] <= adjusted[name] <= 1 for name in given_p)
    for one, other in combinations(given_p, 2):
        if given_p[one] <= given_p[other]:
            assert adjusted[one] <= adjusted[other]


def test_the_textbook_example() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(StatisticsInputError, match="p-value of 'f1'"):
        holm({"accuracy": 0.2, "f1": p})
