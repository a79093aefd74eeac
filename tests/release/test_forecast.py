"""The forecast: what it says comes true in simulation, and it follows the settings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import ReleaseSettings
from fullturn.release.forecast import POWER, forecast, sentences
from tests.release.traffic import first_rollback, in_canary, in_shadow, judged, shared

ONE = ReleaseSettings(guardrails=("errors",), expected_requests=1500, canary_share=0.4)


def test_the_smallest_regression_is_found_as_often_as_foretold() -> None:
    shadow, canary = forecast(ONE, rate=0.05).stages
    assert shadow.smallest and canary.smallest
    luck = shared(0.05, shadow.smallest)
    found = [first_rollback(in_shadow(luck, 1500, s), "shadow", ONE) for s in range(40)]
    # Found at any look, not only at the last one: somewhat more often than foretold.
    assert POWER - 0.15 <= np.mean([bool(one) for one in found]) <= 1
    worse, alone = 0.05 + canary.smallest, ONE.model_copy(update={"shadow_requests": 0})
    found = [first_rollback(in_canary(worse, 0.05, 600, s), "canary", alone) for s in range(40)]
    assert POWER - 0.15 <= np.mean([bool(one) for one in found]) <= 1


def test_an_equal_version_passes_after_the_pairs_foretold() -> None:
    shadow, canary = forecast(ONE, rate=0.05).stages
    passed = [
        judged(in_shadow(shared(0.05), max(200, shadow.needed), s), "shadow", ONE).outcome
        for s in range(40)
    ]
    assert passed.count("PASSED") / 40 == pytest.approx(POWER, abs=0.2)
    passed = [
        judged(in_canary(0.05, 0.05, canary.needed, s), "canary", ONE).outcome for s in range(40)
    ]
    assert passed.count("PASSED") / 40 == pytest.approx(POWER, abs=0.15)
    assert canary.requests == math.ceil(canary.needed / ONE.canary_share)


def test_more_traffic_finds_less_and_a_smaller_margin_needs_more() -> None:
    few, many = (
        forecast(ReleaseSettings(expected_requests=n)).stages[0].smallest for n in (2000, 50_000)
    )
    assert few and many and few > 2 * many
    wide, narrow = (forecast(ReleaseSettings(margin=m)).stages[1].needed for m in (0.05, 0.02))
    assert narrow > 2 * wide


def test_what_is_shared_makes_shadow_sharper() -> None:
    sharp, blunt = (forecast(ONE, shared=share).stages[0].smallest for share in (0.9, 0.1))
    assert sharp and blunt and sharp < blunt


def test_too_little_traffic_finds_nothing_and_says_so() -> None:
    found = forecast(ReleaseSettings(expected_requests=10))
    assert [stage.smallest for stage in found.stages] == [None, None]
    assert "find no version that is worse, however bad" in sentences(found)[2]


def test_without_shadow_there_is_one_stage() -> None:
    found = forecast(ReleaseSettings(shadow_requests=0))
    assert [stage.stage for stage in found.stages] == ["canary"]


def test_it_speaks_in_sentences() -> None:
    promise, assumed, shadow, canary = sentences(forecast(ReleaseSettings()))
    assert "in at most 5 % of releases" in promise
    assert "the champion fails 3 % of requests" in assumed and "80 % of these" in assumed
    assert shadow.startswith(
        "Shadow: 10,000 requests that both versions answer find a version that fails 3.5"
    )
    assert "in 4 of 5 releases" in shadow
    assert canary.startswith("Canary: 1,000 requests to the version, and as many to the champion")
    assert "first answers to canary users" in canary


def test_a_forecast_without_shadow_assumes_nothing_about_it() -> None:
    _, assumed, canary = sentences(forecast(ReleaseSettings(shadow_requests=0)))
    assert "shadow" not in assumed and canary.startswith("Canary: ")


@pytest.mark.parametrize(("rate", "shared_part"), [(0.0, 0.5), (0.97, 0.5), (0.1, 1.0)])
def test_assumptions_out_of_range_are_refused(rate: float, shared_part: float) -> None:
    with pytest.raises(StatisticsInputError):
        forecast(ReleaseSettings(), rate, shared_part)
