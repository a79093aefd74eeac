"""The audience asks about topics the data doesn't cover, until a detector raises an alarm."""

from __future__ import annotations

import time
from collections.abc import Collection

from fullturn.core.entities import Alarm
from fullturn.core.errors import Inconclusive
from fullturn.demo.audience import Audience
from fullturn.lesson.panels.events import (
    Emit,
    Options,
    axis,
    line,
    mark,
    outcome,
    point,
    say,
    shorter,
    table,
)
from fullturn.lesson.panels.stage import Stage
from fullturn.monitoring.watch import DetectorState
from fullturn.serving import log
from fullturn.verbs.monitor import Monitor, Seen
from fullturn.verbs.workspace import Workspace

PLOT = "statistics"
CALM, AFTER, PATIENCE = 450, 150, 4000
"""Requests on known topics before the shift, after the alarm, and at most until the alarm."""
LOOK_EVERY = 0.25
WORTH = 3
"""Number of detectors listed."""


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Known topics, then new ones; the audience always returns to known topics at the end."""
    project = stage.project
    stage.warm()
    watch = Monitor(project, time.time_ns())
    emit(say(f"monitoring version {watch.version}; the reference is the validation set on which "
             "it was approved"))  # fmt: skip
    emit(axis(PLOT, "statistic of each detector", "requests"))
    emit(line(PLOT, watch.seen().states[0].threshold, "alarm", log=True))
    with stage.audience() as audience:
        emit(say("the audience asks about known topics"))
        alarms = _until(watch, audience, CALM, emit)
        turned = time.time_ns()
        emit(mark(PLOT, audience.switch_to("new").asked, "new topics"))
        emit(say("the audience asks about two topics that the data doesn't cover"))
        alarms += _until(watch, audience, PATIENCE, emit, stop=True)
        if alarms:
            asked = _requests_between(project, turned, alarms[0])
            emit(say(f"alarm of {alarms[0].detector} after {asked:,} requests on the new topics"))
            _until(watch, audience, AFTER, emit)
        audience.switch_to("known")
        emit(say("the audience returns to known topics"))
    if not alarms:
        raise Inconclusive(f"no alarm within {PATIENCE} requests")
    _diagnosed(watch, f"input.{project.subject.contract.text}", emit)


def _requests_between(project: Workspace, since: int, alarm: Alarm) -> int:
    """Number of requests between a point in the log and an alarm."""
    return sum(one.sequence <= alarm.sequence for one in log.predictions(project.state, since))


def _until(
    watch: Monitor, audience: Audience, requests: int, emit: Emit, *, stop: bool = False
) -> list[Alarm]:
    """Monitor this many requests; with `stop`, only until the first alarm."""
    alarms: list[Alarm] = []
    end = audience.counts().asked + requests
    while (seen := audience.counts()).asked < end and not (stop and alarms):
        new = watch.step()
        alarms += new
        for one in new:  # the detector restarts from 0, which its state shows
            emit(point(PLOT, one.detector, seen.asked, one.statistic))
        _show(watch.seen(), seen.asked, {one.detector for one in new}, emit)
        time.sleep(LOOK_EVERY)
    return alarms


def _show(seen: Seen, at: int, alarmed: Collection[str], emit: Emit) -> None:
    for state in seen.states:
        if state.requests and state.name not in alarmed:
            emit(point(PLOT, state.name, at, max(1.0, state.statistic)))
    alarmed_at = {alarm.detector: alarm.statistic for alarm in reversed(seen.alarms)}
    nearest = sorted(seen.states, key=lambda one: (-one.alarms, -one.share))[:WORTH]
    rows = [_row(one, alarmed_at.get(one.name)) for one in nearest]
    emit(table("detectors", ("detector", ">statistic", ">threshold", ""), rows))


def _row(state: DetectorState, alarmed_at: float | None) -> tuple[str, ...]:
    value = state.statistic if alarmed_at is None else alarmed_at
    share = f"{100 * state.share:.0f} % of the threshold" if alarmed_at is None else "ALARM"
    return state.name, _number(value), _number(state.threshold), share


def _number(value: float) -> str:
    return f"{value:,.0f}" if value < 1e9 else f"{value:.0e}"


def _diagnosed(watch: Monitor, subject: str, emit: Emit) -> None:
    """Show the diagnosis of the alarm on the text column, or else of the first alarm."""
    known = watch.seen().alarms
    alarm = next((one for one in known if one.detector == subject), known[0])
    diagnosis = alarm.diagnosis
    examples = [
        (shorter(" ".join(map(str, one["input"].values())), 70),) for one in diagnosis.examples[:3]
    ]
    emit(table("examples", ("typical questions of the shift",), examples))
    if diagnosis.words:
        emit(say(f"words that became more frequent: {', '.join(diagnosis.words[:8])}"))
    others = [one.detector for one in known if one.detector != alarm.detector]
    if others:
        emit(say(f"further alarms: {', '.join(dict.fromkeys(others))}"))
    emit(outcome("ALARM", f"{alarm.detector}: {diagnosis.verdict}. {diagnosis.reason}"))
