"""What a comparison can show, against what it then shows in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fullturn.core.errors import StatisticsInputError
from fullturn.statistics.inputs import Codes, Floats
from fullturn.statistics.paired import inferiority_p, non_inferiority_p, paired_difference
from fullturn.statistics.power import groups_needed, minimum_detectable_effect, pass_probability

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
