"""The watch over a version: silent on the same traffic, alarmed by planted changes, replayable."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from fullturn.core.entities import Alarm, Observation
from fullturn.core.errors import CouldNotEvaluate
from fullturn.core.settings import MonitoringSettings
from fullturn.monitoring import Watch
from fullturn.monitoring.detectors import CURVE_POINTS, Curve
from tests.monitoring.streams import (
    CONTRACT,
    NEW,
    OLD,
    Row,
    reference,
    traffic,
    unlabelled,
    vectors,
)

LIMITS = MonitoringSettings()
NAMES = [
    "input.weight", "input.country", "input.note", "input.note.length", "output.label",
    "output.confidence", "output.abstained", "output.sources.length", "quality", "estimate",
    "contract", "errors", "slow", "scoring",
]  # fmt: skip


def watch(limits: MonitoringSettings = LIMITS, rows: int = 400) -> Watch:
    return Watch(CONTRACT, reference(rows), limits, vectors)


def alarms(observations: list[Observation], **limits: Any) -> list[Alarm]:
    return watch(MonitoringSettings(**limits)).observe(observations)


def first(found: list[Alarm], detector: str) -> Alarm:
    return next(alarm for alarm in found if alarm.detector == detector)


def test_every_column_and_every_property_of_the_service_is_watched() -> None:
    states = watch().states
    assert [state.name for state in states] == NAMES
    assert all(state.what and state.requests == 0 and not state.curve for state in states)


def test_all_detectors_together_keep_the_declared_run_length() -> None:
    states = watch(MonitoringSettings(arl=1000)).states
    assert {state.arl for state in states} == {1000 * len(NAMES)}
    assert sum(1 / state.arl for state in states) == pytest.approx(1 / 1000)


@pytest.mark.slow
def test_the_rate_of_false_alarms_on_unchanged_traffic_is_below_the_declared_one() -> None:
    n, runs, arl = 600, 25, 300
    found = 0
    for seed in range(runs):
        rows = reference(300, seed=seed + 100)
        limits = MonitoringSettings(arl=arl, cooldown_requests=0)
        found += len(Watch(CONTRACT, rows, limits, vectors).observe(traffic(n, seed=seed)))
    assert found <= runs * n / arl


@pytest.mark.parametrize("rows", [6, 300])
def test_unchanged_traffic_raises_no_alarm(rows: int) -> None:
    found = watch(rows=rows)
    assert found.observe(traffic(1500, seed=5)) == []
    assert {state.requests for state in found.states} == {1500}
    assert all(0 < state.share < 0.9 and state.alarms == 0 for state in found.states)


def heavier(row: Row, rng: Any) -> Row:
    return {**row, "weight": row["weight"] * 1.4}


def abroad(row: Row, rng: Any) -> Row:
    return {**row, "country": "it" if rng.random() < 0.4 else row["country"]}


def unknown(row: Row, rng: Any) -> Row:
    return {**row, "country": "gb" if rng.random() < 0.2 else row["country"]}


@pytest.mark.parametrize(
    ("detector", "within", "planted"),
    [
        ("input.weight", 150, {"change": heavier}),
        ("input.country", 150, {"change": abroad}),
        ("input.note", 200, {"texts": OLD + NEW + NEW}),
        ("output.confidence", 60, {"sure": 0.55}),
        ("output.abstained", 120, {"sure": 0.55}),
        ("estimate", 120, {"sure": 0.55}),
        ("quality", 200, {"right": 0.5}),
        ("contract", 150, {"change": unknown}),
        ("errors", 150, {"errors": 0.2}),
        ("slow", 150, {"slow": 0.2}),
    ],
)
def test_a_planted_change_alarms_its_detector(
    detector: str, within: int, planted: dict[str, Any]
) -> None:
    for seed in range(3):
        found = alarms(traffic(1000, seed=seed + 20, begins=600, **planted))
        alarm = first(found, detector)
        assert 1600 <= alarm.sequence < 1600 + within
        assert alarm.statistic >= alarm.threshold == LIMITS.arl * len(NAMES)
        assert 1500 <= alarm.began <= alarm.sequence
        assert alarm.version == 3


def test_traffic_that_differs_from_the_start_alarms_at_once() -> None:
    found = alarms(traffic(200, begins=0, change=lambda row, rng: {**row, "weight": 900.0}))
    assert found[0].detector == "input.weight"
    assert (found[0].began, found[0].requests) == (1000, found[0].sequence - 999)
    assert found[0].requests < 20


def test_an_alarm_names_the_request_that_raised_it() -> None:
    stream = traffic(800, begins=600, errors=0.3)
    alarm = first(alarms(stream), "errors")
    raised = next(one for one in stream if one.prediction.sequence == alarm.sequence)
    assert raised.prediction.output is None
    assert alarm.time == raised.prediction.time


def test_in_however_many_calls_the_alarms_are_the_same() -> None:
    stream = traffic(900, begins=600, texts=OLD + NEW + NEW, sure=0.6, errors=0.1)
    whole, parts = watch(), watch()
    expected = whole.observe(stream)
    cuts = [0, 1, 3, 250, 256, 700, 1203, 1204, 1500, len(stream)]
    found = [a for i, j in pairwise(cuts) for a in parts.observe(stream[i:j])]
    assert found == expected and len(expected) > 3
    assert parts.states == whole.states


def test_after_an_alarm_a_detector_rests_and_then_alarms_again() -> None:
    found = watch(MonitoringSettings(cooldown_requests=100))
    stream = unlabelled(traffic(900, begins=300, slow=0.5))
    slow = [alarm for alarm in found.observe(stream[:330]) if alarm.detector == "slow"]
    state = next(state for state in found.states if state.name == "slow")
    assert len(slow) == state.alarms == 1
    assert (state.resting, state.statistic) == (100 - (330 - slow[0].requests), 0.0)
    assert state.last_alarm == slow[0].requests
    again = [alarm for alarm in found.observe(stream[330:]) if alarm.detector == "slow"]
    assert len(again) == 2
    gaps = [b.requests - a.requests for a, b in zip([*slow, *again], again, strict=False)]
    assert gaps[0] > 100 and gaps[1] > 200


def test_a_shift_that_lasts_gives_alarms_that_grow_rarer() -> None:
    found = alarms(traffic(2500, begins=0, change=heavier), cooldown_requests=100)
    at = [alarm.requests for alarm in found if alarm.detector == "input.weight"]
    gaps = [after - before for before, after in pairwise(at)]
    assert len(at) == 5
    assert all(100 * 2**n < gap < 100 * 2**n + 150 for n, gap in enumerate(gaps))


def junk(row: Row, rng: Any) -> Row:
    return {"weight": 5000.0, "country": "xx", "note": "asdf qwer"}


def test_normal_traffic_after_junk_raises_no_alarm() -> None:
    found = watch(MonitoringSettings(cooldown_requests=100))
    alarmed = {alarm.detector for alarm in found.observe(traffic(2000, begins=0, change=junk))}
    assert {"input.weight", "input.country", "input.note", "contract"} <= alarmed
    # Also when every detector is awake again.
    assert found.observe(traffic(2500, seed=3)) == []
    assert all(state.resting == 0 for state in found.states)


def test_sound_requests_do_not_acquit_a_pipeline_that_was_broken_before_them() -> None:
    found = watch()
    alarm = first(found.observe(traffic(100, begins=0, change=junk)), "input.weight")
    later = traffic(1300, seed=3)
    moved = [
        replace(one, prediction=replace(one.prediction, sequence=one.prediction.sequence + 100))
        for one in later
    ]
    found.observe(moved)
    assert found.diagnosed(alarm) == alarm
    assert alarm.diagnosis.verdict == "broken pipeline"


def test_late_labels_alarm_when_they_arrive() -> None:
    stream = traffic(800, begins=400, right=0.4)
    labels = [one for one in stream if one.loss is not None]
    found = watch()
    assert found.observe(unlabelled(stream)) == []
    alarm = first(found.observe(labels), "quality")
    assert 1400 <= alarm.sequence < 1500
    assert alarm.diagnosis.verdict == "harmful shift"


def unscored(observations: list[Observation], every: int) -> list[Observation]:
    """The same, but the app cannot score one in so many labelled answers."""
    return [
        replace(one, loss=1.0, unscored=f"score() raised KeyError({n})")
        if one.loss is not None and n % every == 0
        else one
        for n, one in enumerate(observations)
    ]


def test_answers_that_cannot_be_scored_alarm_as_such_and_not_as_lost_quality() -> None:
    found = alarms(unscored(traffic(1500, seed=5), every=1))
    assert {alarm.detector for alarm in found} == {"scoring"}
    diagnosis = found[0].diagnosis
    assert diagnosis.verdict == "broken pipeline"
    assert "labelled answers could not be scored, the first: score() raised" in diagnosis.reason
    assert found[0].requests < 50


def test_a_label_now_and_then_that_cannot_be_scored_is_no_alarm() -> None:
    assert alarms(unscored(traffic(1500, seed=5), every=150)) == []


def test_an_alarm_can_be_diagnosed_again_when_labels_are_there() -> None:
    stream = traffic(900, begins=500, texts=OLD + NEW + NEW, right=0.95)
    found = watch()
    alarm = first(found.observe(unlabelled(stream)), "input.note")
    assert (alarm.diagnosis.verdict, alarm.diagnosis.labelled) == ("unclear", 0)
    found.observe([one for one in stream if one.loss is not None])
    again = found.diagnosed(alarm)
    assert replace(again, diagnosis=alarm.diagnosis) == alarm
    assert again.diagnosis.verdict == "harmless shift"
    assert again.diagnosis.labelled > 300


def test_a_diagnosis_knows_nothing_of_what_came_after_the_alarm() -> None:
    stream = unlabelled(traffic(900, begins=600, change=heavier))
    alarm = first(watch().observe(stream), "input.weight")
    cut = [one for one in stream if one.prediction.sequence <= alarm.sequence]
    assert first(watch().observe(cut), "input.weight") == alarm
    assert alarm.diagnosis.requests == alarm.sequence - alarm.began + 1


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"weight": None, "country": None, "note": None},
        {"weight": "heavy", "country": 7, "note": ["a"]},
        {"weight": float("nan"), "country": True, "note": ""},
        {"weight": 10**400, "country": {"a": 1}, "note": "x" * 30_000},
    ],
)
def test_cells_that_break_the_contract_never_fail(cells: Row) -> None:
    found = alarms(traffic(200, begins=50, change=lambda row, rng: cells))
    assert {"input.weight", "input.country"} <= {alarm.detector for alarm in found}
    assert all(alarm.diagnosis.verdict == "broken pipeline" for alarm in found)


def test_strange_outputs_never_fail() -> None:
    stream = [
        replace(one, prediction=replace(one.prediction, output={"label": None, "confidence": "?"}))
        for one in unlabelled(traffic(200))
    ]
    assert "output.confidence" in {alarm.detector for alarm in alarms(stream)}


def test_without_reference_rows_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(CouldNotEvaluate, match="no reference rows"):
        Watch(CONTRACT, [], LIMITS, vectors)


def test_a_version_that_is_always_wrong_has_no_quality_to_lose() -> None:
    rows = [replace(row, scores={"right": 0.0}) for row in reference(100)]
    names = {state.name for state in Watch(CONTRACT, rows, LIMITS, vectors).states}
    assert names == set(NAMES) - {"quality", "estimate"}


def test_a_curve_keeps_its_peaks_in_little_room() -> None:
    curve, values = Curve(), [float(n % 997) for n in range(10_000)]
    for start in range(0, 10_000, 77):
        curve.add(start, values[start : start + 77])
    whole = Curve()
    whole.add(0, values)
    assert whole == curve
    points = curve.points(10_000)
    assert len(points) <= CURVE_POINTS and points[-1][0] == 10_000
    assert max(peak for _, peak in points) == 996.0
