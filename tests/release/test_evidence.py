"""Evidence: folded from observations, the same each time, and deaf to what is said twice."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.entities import Arm, Observation
from fullturn.core.settings import ReleaseSettings
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence, output_digest
from fullturn.release.records import Stage
from tests.release.traffic import (
    SETTINGS,
    folded,
    in_canary,
    in_shadow,
    judged,
    prediction,
    shared,
)

STAGES: tuple[Stage, ...] = ("shadow", "canary")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def everything(seed: int) -> list[Observation]:
    """Traffic of both stages, all mixed up; late labels included."""
    parts = [
        *in_shadow(shared(0.1), 60, seed, "loss"),
        *in_canary(0.1, 0.1, 60, seed, "loss", users=10),
        *in_canary(0.1, 0.1, 60, seed + 1, "slow"),
    ]
    answers = [one for one in parts if one.loss is None]
    labels = [one for one in parts if one.loss is not None]
    random.Random(seed).shuffle(labels)
    return answers + labels


@given(st.integers(0, 1000), st.lists(st.integers(0, 600), max_size=6))
@settings(deadline=None, derandomize=True, max_examples=15)
def test_a_restarted_controller_comes_to_the_same_state(seed: int, restarts: list[int]) -> None:
    observations = everything(seed)
    at_once = folded(observations)
    in_parts = Evidence(SETTINGS)
    places = [0, *sorted(restarts), len(observations)]
    for start, end in pairwise(places):
        in_parts.fold(observations[start:end])
        for stage in STAGES:  # looking changes nothing
            decide(in_parts, stage, 1.0)
    for stage in STAGES:
        assert decide(in_parts, stage, 9.0) == decide(at_once, stage, 9.0)


def test_a_label_given_twice_counts_once() -> None:
    observations = everything(3)
    labels = [one for one in observations if one.loss is not None]
    changed = [replace(one, loss=1.0) for one in labels]
    once, twice = folded(observations), folded(observations + changed)
    assert [once.readings(s) for s in STAGES] == [twice.readings(s) for s in STAGES]


def test_a_loss_that_is_no_share_counts_as_the_nearest_or_as_a_whole_one() -> None:
    for stage, arms in (("shadow", ("champion", "shadow")), ("canary", ("baseline", "canary"))):
        evidence = Evidence(SETTINGS)
        for number, loss in enumerate((math.nan, 1.5, -0.5)):
            theirs, ours = (
                prediction(number, arm, copy_of=f"champion-{number}" if arm == "shadow" else None)
                for arm in arms  # type: ignore[attr-defined]
            )
            evidence.fold([Observation(theirs, 0.0), Observation(ours, loss)])
        assert evidence.readings(stage)[2].candidate == pytest.approx(2 / 3)  # type: ignore[arg-type]


def test_shadow_copies_that_were_dropped_do_not_count() -> None:
    observations = list(in_shadow(shared(0.0), 100, 4))
    kept = [o for o in observations if o.prediction.arm == "champion"] + observations[1:80:2]
    evidence = folded(kept)
    assert evidence.requests("shadow") == evidence.readings("shadow")[0].pairs == 40


def test_means_and_bounds_are_of_the_pairs() -> None:
    errors, slow, loss = judged(in_canary(0.3, 0.1, 500, 5), "canary").readings
    assert errors.candidate == pytest.approx(0.3, abs=0.06)
    assert errors.champion == pytest.approx(0.1, abs=0.06)
    assert errors.low < errors.difference < errors.high
    assert (slow.difference, slow.discordant, slow.worse) == (0.0, 0, pytest.approx(1.0))
    assert (loss.pairs, loss.low, loss.high) == (0, -1.0, 1.0)


def test_a_bound_and_the_evidence_for_not_worse_agree() -> None:
    for pairs in range(40, 400, 20):
        for one in judged(in_canary(0.03, 0.03, pairs, pairs), "canary").readings:
            assert one.cleared == (one.high < SETTINGS.margin)


def test_canary_requests_are_those_of_the_smaller_arm() -> None:
    arms: list[Arm] = ["canary"] * 7 + ["baseline"] * 4 + ["champion"] * 9
    evidence = folded(Observation(prediction(n, arm)) for n, arm in enumerate(arms))
    assert evidence.requests("canary") == 4


def test_answers_of_one_batch_that_break_alike_are_one_event() -> None:
    def outage(spread: int) -> list[Observation]:
        numbers = range(60)
        return [
            Observation(
                prediction(n, arm, failed=arm == "shadow", copy_of=copied, time=n // spread)
            )
            for n in numbers
            for arm, copied in (("champion", None), ("shadow", f"champion-{n}"))
        ]

    assert judged(outage(1)).action == "roll back"
    at_once = judged(outage(60))
    assert at_once.action == "go on" and at_once.readings[0].discordant == 1
    # For a promotion all of it speaks against the version.
    assert at_once.readings[0].candidate == 1.0 and at_once.readings[0].not_worse < 0.1


def test_a_pause_of_the_champion_does_not_speak_for_the_other() -> None:
    paused = [
        Observation(prediction(n, arm, slow=arm == "champion", copy_of=copied, time=7))
        for n in range(60)
        for arm, copied in (("champion", None), ("shadow", f"champion-{n}"))
    ]
    slow = judged(paused).readings[1]
    assert (slow.guardrail, slow.discordant, slow.pairs) == ("slow", 1, 60)
    assert slow.not_worse < 3


def test_without_a_shadow_stage_the_canary_has_the_whole_fortune() -> None:
    only = ReleaseSettings(shadow_requests=0)
    traffic = list(in_canary(0.5, 0.0, 40, 6))
    alone = judged(traffic, "canary", only).readings[0]
    after = judged(traffic, "canary").readings[0]
    assert alone.worse == pytest.approx(after.worse)
    lost = list(in_shadow(lambda _: (True, False), 30, 7))
    assert judged(lost + traffic, "canary", only).readings[0].worse == alone.worse
    kept = judged(lost + traffic, "canary").readings[0].worse
    assert 0.2 * alone.worse <= kept <= 0.35 * alone.worse


def test_agreement_is_of_outputs_that_both_gave() -> None:
    pairs = [
        ({"p": 0.12345678}, {"p": 0.12345679}),
        ({"p": 1}, {"p": 1.0}),
        ({"p": [0.0, "a"]}, {"p": [-0.0, "a"]}),
        ({"p": 0.1}, {"p": 0.2}),
        ({"p": True}, {"p": 1}),
        ({"p": 1.0}, None),
    ]
    evidence = Evidence(SETTINGS)
    assert evidence.agreement is None
    for number, outputs in enumerate(pairs):
        for arm, output in zip(("champion", "shadow"), outputs, strict=True):
            copied = f"champion-{number}" if arm == "shadow" else None
            one = prediction(number, arm, copy_of=copied)  # type: ignore[arg-type]
            evidence.fold([Observation(replace(one, output=output))])
    assert evidence.agreement == pytest.approx(3 / 5)
    assert evidence.requests("shadow") == 6


@given(st.dictionaries(st.text(), values, max_size=4))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_any_output_has_a_digest_that_ignores_the_order_of_keys(output: dict[str, object]) -> None:
    assert output_digest(output) == output_digest(dict(reversed(output.items())))
    assert output_digest(output) != output_digest({**output, "and": "more"})


def test_the_share_of_clipped_losses_is_that_of_both_arms() -> None:
    seen = [
        replace(one, clipped=one.loss is not None and one.loss == 1.0)
        for one in in_shadow(shared(0.5, share=1.0), 200, 1, "loss")
    ]
    look = judged(seen)
    loss = next(one for one in look.readings if one.guardrail == "loss")
    assert loss.clipped == pytest.approx(loss.champion)
    assert loss.title == f"loss ({100 * loss.clipped:.3g} % clipped)"
    assert {one.title for one in look.readings} == {"errors", "slow", loss.title}
