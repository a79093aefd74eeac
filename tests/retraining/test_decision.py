"""Training again pays, or it does not, or nobody knows yet; bounds hold whatever it pays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.settings import RetrainingSettings
from fullturn.retraining.decision import DAY, Situation, capped, decide

NOW = 1_800_000_000.0
COSTLY = RetrainingSettings(cost=100.0, wrong_answer=0.1, horizon_requests=10_000, recovery=0.5)
"""A point of loss avoided is worth 5: training pays from 20 points on."""


def situation(losses: list[float], **changes: object) -> Situation:
    found = Situation(
        now=NOW,
        trained=NOW - DAY,
        alarm="input.question",
        verdict="harmful shift",
        losses=tuple(losses),
        keys=tuple(f"user {n}" for n in range(len(losses))),
        reference_loss=0.1,
        new_rows=50,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_a_great_loss_is_worth_a_training() -> None:
    found = decide(situation([1.0] * 80 + [0.0] * 20), COSTLY)
    assert found.retrain and found.outcome == "PASSED"
    assert found.avoided and found.avoided.estimate == pytest.approx(350)
    assert "expected to save 350" in found.reason and "cost of 100" in found.reason


def test_a_small_loss_is_not() -> None:
    found = decide(situation([1.0] * 15 + [0.0] * 385), COSTLY)
    assert not found.retrain and found.outcome == "FAILED"
    assert "not worth it" in found.reason


def test_few_labels_decide_nothing() -> None:
    found = decide(situation([1.0, 0.0, 0.0, 1.0]), COSTLY)
    assert not found.retrain and found.outcome == "INCONCLUSIVE"
    assert "too few labels to tell (4 labels)" in found.reason
    none = decide(situation([]), COSTLY)
    assert none.outcome == "INCONCLUSIVE" and "no labels" in none.reason


def test_many_answers_to_one_user_are_one_opinion() -> None:
    many = situation([1.0] * 400 + [0.0] * 4)
    lopsided = replace(many, keys=("loud",) * 400 + tuple("abcd"))
    assert decide(many, COSTLY).retrain
    assert not decide(lopsided, COSTLY).retrain


def test_a_broken_pipeline_never_retrains() -> None:
    found = decide(situation([1.0] * 500, verdict="broken pipeline"), COSTLY)
    assert not found.retrain and found.outcome == "FAILED"
    assert "fix it" in found.reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"new_rows": 0}, "no new rows"),
        ({"retrainings": (NOW - 600,)}, "the last retraining was 10 minutes ago; wait 50 more"),
        ({"retrainings": tuple(NOW - (n + 1) * DAY / 2 for n in range(30))}, "budget of 30"),
    ],
)
def test_bounds_hold_whatever_it_would_avoid(changes: dict[str, object], said: str) -> None:
    found = decide(situation([1.0] * 500, **changes), COSTLY)
    assert not found.retrain and found.outcome == "FAILED"
    assert said in found.reason


def test_without_an_alarm_only_age_asks() -> None:
    fresh = decide(situation([], alarm=None, verdict=None), COSTLY)
    assert fresh.trigger == "none" and not fresh.retrain
    old = decide(situation([], alarm=None, verdict=None, trained=NOW - 91 * DAY), COSTLY)
    assert old.trigger == "maximum age" and old.retrain


def test_no_source_gives_more_than_its_share() -> None:
    rows = list(range(100))
    sources = ["loud"] * 80 + [f"quiet {n}" for n in range(20)]
    kept, left_out = capped(rows, sources, share=0.2, existing=60)
    loud = sum(sources[n] == "loud" for n in kept)
    assert loud == 20 and left_out == 60
    assert [n for n in kept if sources[n] != "loud"] == list(range(80, 100))


@given(
    st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=60),
    st.floats(0.05, 0.9),
    st.integers(0, 100),
)
def test_the_cap_holds_for_any_sources(sources: list[str], share: float, existing: int) -> None:
    kept, left_out = capped(list(enumerate(sources)), sources, share, existing)
    assert len(kept) + left_out == len(sources)
    total = existing + len(kept)
    for source in set(sources) - {""}:
        assert sum(own == source for _, own in kept) <= share * total + 1e-9
    assert sum(own == "" for _, own in kept) == sources.count("")
