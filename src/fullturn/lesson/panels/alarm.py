"""Turn the audience to subjects that the data does not hold, and wait for the alarm."""

from __future__ import annotations

import time

from fullturn.entities import Alarm
from fullturn.errors import Inconclusive
from fullturn.lesson.panels.events import (
    Options,
    Tell,
    axis,
    line,
    mark,
    outcome,
    point,
    say,
    table,
)
from fullturn.lesson.panels.stage import Stage
from fullturn.loop.audience import Audience
from fullturn.loop.monitoring import Monitor
from fullturn.monitoring.watch import DetectorState

PLOT = "statistics"
CALM, AFTER, PATIENCE = 450, 150, 4000
"""Requests on known subjects first, after the alarm for its diagnosis, and at most until it."""
LOOK_EVERY = 0.25
WORTH = 4
"""So many detectors are listed."""


def perform(stage: Stage, options: Options, tell: Tell) -> None:
    """Known subjects, then new ones; the audience turns back at the end, whatever happens."""
    project = stage.project
    stage.warm()
    watch = Monitor(project, time.time_ns())
    tell(say(f"a watch over version {watch.version} begins; its reference is the validation set "
             "that the version was approved on"))  # fmt: skip
    tell(axis(PLOT, "each detector's statistic (e-value)", "requests"))
    tell(line(PLOT, watch.seen().states[0].threshold, "alarm", log=True))
    with stage.audience() as audience:
        tell(say("the audience asks about known subjects"))
        alarms = _until(watch, audience, CALM, tell)
        at = audience.turn_to("new").asked
        tell(mark(PLOT, at, "new subjects"))
        tell(say("the audience turns to two subjects that the data does not hold"))
        alarms += _until(watch, audience, PATIENCE, tell, stop=True)
        if alarms:
            rung = watch.seen().requests
            tell(say(f"alarm after {rung - at} requests on the new subjects"))
            _until(watch, audience, AFTER, tell)
        audience.turn_to("known")
        tell(say("the audience turns back to known subjects"))
    if not alarms:
        raise Inconclusive(f"no alarm within {PATIENCE} requests")
    _diagnosed(watch, f"input.{project.app.contract.text}", tell)


def _until(
    watch: Monitor, audience: Audience, requests: int, tell: Tell, *, stop: bool = False
) -> list[Alarm]:
    """Look at what is answered while so many requests are asked; with `stop`, to the alarm."""
    alarms: list[Alarm] = []
    end = audience.counts().asked + requests
    while (seen := audience.counts()).asked < end and not (stop and alarms):
        alarms += watch.step()
        _show(watch.seen().states, seen.asked, tell)
        time.sleep(LOOK_EVERY)
    return alarms


def _show(states: tuple[DetectorState, ...], at: int, tell: Tell) -> None:
    for state in states:
        if state.requests:
            tell(point(PLOT, state.name, at, max(1.0, state.statistic)))
    loudest = sorted(states, key=lambda one: (-one.alarms, -one.share))[:WORTH]
    rows = [(one.name, f"{one.statistic:,.0f}" if one.statistic < 1e9 else f"{one.statistic:.0e}",
             f"{one.threshold:,.0f}", "ALARM" if one.alarms else f"{100 * one.share:.0f} % there")
            for one in loudest]  # fmt: skip
    tell(table("detectors", ("detector", ">statistic", ">threshold", ""), rows))


def _diagnosed(watch: Monitor, subject: str, tell: Tell) -> None:
    """The alarm on the subject, if it is among them, with all that is known now."""
    known = watch.seen().alarms
    alarm = next((one for one in known if one.detector == subject), known[0])
    diagnosis = alarm.diagnosis
    examples = [(" ".join(map(str, one["input"].values()))[:90],) for one in diagnosis.examples[:3]]
    tell(table("examples", ("questions nearest to the change",), examples))
    if diagnosis.words:
        tell(say(f"what they are about: {', '.join(diagnosis.words[:8])}"))
    others = [one.detector for one in known if one.detector != alarm.detector]
    if others:
        tell(say(f"also: alarms of {', '.join(dict.fromkeys(others))}"))
    tell(outcome("ALARM", f"{alarm.detector}: {diagnosis.verdict}. {diagnosis.reason}"))
