"""What a release decides: planted regressions are found, equals pass, missing evidence blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import pytest

from fullturn.core.entities import Observation
from fullturn.core.errors import SettingsError
from fullturn.core.settings import ReleaseSettings, parse
from fullturn.release.records import Stage
from tests.release.traffic import (
    SETTINGS,
    first_rollback,
    in_canary,
    in_shadow,
    judged,
    prediction,
    shared,
)

GUARDRAILS = ("errors", "slow", "loss")
ONE = ReleaseSettings(guardrails=("errors",))


@pytest.mark.parametrize("what", GUARDRAILS)
def test_a_version_that_breaks_rolls_back_within_few_shadow_requests(what: str) -> None:
    decision = first_rollback(in_shadow(shared(0.02, 0.5), 200, 1, what), "shadow", every=20)
    assert decision and decision.outcome == "FAILED"
    assert decision.requests <= 60
    assert decision.reason.startswith(f"worse on {what}")
    breached = [reading.guardrail for reading in decision.readings if reading.breached]
    assert breached == [what]


@pytest.mark.parametrize("what", GUARDRAILS)
def test_a_version_that_breaks_rolls_back_in_canary(what: str) -> None:
    decision = first_rollback(in_canary(0.5, 0.02, 300, 2, what), "canary", every=20)
    assert decision and decision.action == "roll back" and decision.requests <= 100
    assert what in decision.reason and "comparisons differ" in decision.reason


@pytest.mark.parametrize("what", ["errors", "loss"])
def test_an_equal_version_advances_through_shadow(what: str) -> None:
    decision = judged(in_shadow(shared(0.03), 400, 3, what))
    assert (decision.action, decision.outcome) == ("advance", "PASSED")
    assert all(r.high < SETTINGS.margin for r in decision.readings if r.asked)
    assert [r.guardrail for r in decision.readings if r.asked] == (
        ["errors", "slow", "loss"] if what == "loss" else ["errors", "slow"]
    )
    assert ("left to the canary" in decision.reason) == (what == "errors")


def test_an_equal_version_is_promoted_from_canary() -> None:
    decision = judged(in_canary(0.03, 0.03, 1500, 4, "loss"), "canary")
    assert (decision.action, decision.outcome) == ("promote", "PASSED")
    assert decision.requests == 1500
    assert "not worse by 5.00 points or more" in decision.reason


def unscored(observations: Iterable[Observation], every: int) -> list[Observation]:
    """The same, but the app cannot score one in so many labelled answers, of either version."""
    return [
        replace(one, loss=1.0, unscored=f"score() raised KeyError({n})")
        if one.loss is not None and n % every == 0
        else one
        for n, one in enumerate(observations)
    ]


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_answers_that_cannot_be_scored_show_nothing_of_a_version(stage: Stage) -> None:
    """On both sides the loss is 1: without this rule, the two would look equally good."""
    made = list(
        in_shadow(shared(0.0), 400, 3, "loss")
        if stage == "shadow"
        else in_canary(0.0, 0.0, 1500, 4, "loss")
    )
    decision = judged(unscored(made, every=1), stage)
    assert (decision.action, decision.outcome) == ("go on", "INCONCLUSIVE")
    assert "labelled answers could not be scored, the first: score() raised" in decision.reason
    late = judged(unscored(made, every=1), stage, elapsed=1e9)
    assert (late.action, late.outcome) == ("roll back", "INCONCLUSIVE")


def test_a_label_now_and_then_that_cannot_be_scored_stops_no_release() -> None:
    decision = judged(unscored(in_canary(0.0, 0.0, 1500, 4, "loss"), every=151), "canary")
    assert (decision.action, decision.outcome) == ("promote", "PASSED")


def test_a_version_whose_answers_cannot_be_scored_is_rolled_back() -> None:
    made = [
        replace(one, loss=1.0, unscored="score() raised KeyError('new')")
        if one.loss is not None and one.prediction.arm == "canary"
        else one
        for one in in_canary(0.03, 0.03, 300, 4, "loss")
    ]
    decision = judged(made, "canary")
    assert (decision.action, decision.outcome) == ("roll back", "FAILED")


def test_nothing_passes_below_its_minimum_of_requests() -> None:
    decision = judged(in_shadow(shared(0.0), 199, 5, "loss"))
    assert decision.action == "go on" and "199 of 200 requests" in decision.reason
    assert judged(in_shadow(shared(0.0), 200, 5, "loss")).action == "advance"


def test_a_version_worse_by_more_than_the_margin_does_not_pass() -> None:
    assert judged(in_canary(0.11, 0.03, 600, 6, "loss"), "canary").outcome != "PASSED"


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_no_evidence_goes_on_and_at_the_deadline_goes_back(stage: Stage) -> None:
    waiting = judged([], stage)
    assert (waiting.action, waiting.outcome) == ("go on", "INCONCLUSIVE")
    late = judged([], stage, elapsed=60 * SETTINGS.deadline_minutes)
    assert (late.action, late.outcome) == ("roll back", "INCONCLUSIVE")
    assert late.reason.startswith(f"no decision after 1440 minutes of {stage}: 0 of 200 requests")


def test_a_release_without_guardrails_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"guardrails"):
        parse({"name": "p", "release": {"guardrails": []}}, "fullturn.toml")


def test_evidence_that_suffices_counts_also_after_the_deadline() -> None:
    enough = list(in_canary(0.0, 0.0, 300, 7, "loss"))
    assert judged(enough, "canary", elapsed=1e9).action == "promote"


def test_without_labels_a_canary_is_not_promoted() -> None:
    unlabelled = list(in_canary(0.02, 0.02, 1500, 8))
    decision = judged(unlabelled, "canary")
    assert decision.action == "go on" and decision.reason == "loss not shown: no labels yet"
    without = ReleaseSettings(guardrails=("errors", "slow"))
    assert judged(unlabelled, "canary", without).action == "promote"


def test_shadow_asks_for_the_loss_once_half_of_its_requests_have_labels() -> None:
    everything = list(in_shadow(shared(0.02), 400, 9, "loss"))
    labels = [o for o in everything if o.loss is not None]
    answers = [o for o in everything if o.loss is None]
    few, half = judged(answers + labels[:396]), judged(answers + labels[:400])
    assert [r.asked for r in few.readings] == [True, True, False]
    assert [r.asked for r in half.readings] == [True, True, True]


def test_labels_that_come_late_count_when_they_come() -> None:
    everything = list(in_shadow(shared(0.02, 0.4), 200, 10, "loss"))
    labels = [o for o in everything if o.loss is not None]
    answers = [o for o in everything if o.loss is None]
    assert judged(answers).action == "advance"
    meanwhile = list(in_canary(0.0, 0.0, 100, 11))
    decision = judged(answers + meanwhile + labels, "canary")
    assert decision.action == "roll back" and "loss in shadow" in decision.reason


def test_a_regression_seen_in_both_stages_is_judged_on_both() -> None:
    shadow = list(in_shadow(shared(0.0, 0.1), 60, 12))
    canary = list(in_canary(0.12, 0.0, 60, 13))
    assert judged(shadow).action == judged(canary, "canary").action == "go on"
    assert judged(shadow + canary, "canary").action == "roll back"


def test_a_breach_stays_one_when_fortune_turns() -> None:
    bad = list(in_shadow(shared(0.0, 1.0), 40, 14))
    good = [
        Observation(prediction(n, arm, copy_of=f"champion-{n}" if arm == "shadow" else None))
        for n in range(100, 3000)
        for arm in ("champion", "shadow")
    ]
    assert judged(chain(bad, good)).action == "roll back"


@pytest.mark.slow
def test_equal_versions_are_rolled_back_no_more_often_than_declared() -> None:
    # At a rate of 0.05, 120 releases exceed 12 with probability below 0.01.
    shadows = (in_shadow(shared(0.1), 400, seed) for seed in range(120))
    assert sum(bool(first_rollback(one, "shadow", ONE)) for one in shadows) <= 12
    canaries = (in_canary(0.1, 0.1, 400, seed) for seed in range(120))
    assert sum(bool(first_rollback(one, "canary", ONE)) for one in canaries) <= 12


def test_a_regression_of_half_as_many_errors_again_is_found_in_shadow() -> None:
    found = [first_rollback(in_shadow(shared(0.03, 0.015), 3000, s), "shadow") for s in range(12)]
    assert sum(bool(decision) for decision in found) >= 11
    assert all(d.readings[0].difference > 0 for d in found if d)
