"""A whole turn of the example, `fullturn demo`: what it took, and the curves that it left.

    python bench/turn.py [--json] [--keep]

The curves are the evidence of both releases, the statistics of the detectors that alarmed, and
the share of right answers among those judged, in blocks, over all requests.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from fullturn.core.entities import Alarm
from fullturn.monitoring import report
from fullturn.monitoring.watch import DetectorState
from fullturn.release.controller import FOLDER, looks, looks_of
from fullturn.release.records import Decision
from fullturn.release.state import Release, releases
from fullturn.serving.observations import Observer
from fullturn.statistics.intervals import wilson
from fullturn.verbs import monitor
from fullturn.verbs.workspace import Workspace
from results import Points, save, typed

BLOCK = 40
"""Judged answers whose share of right ones is one point."""
MOST = 120
"""Points of a curve."""
EvidenceInputs = dict[str, int | float | str]


@dataclass(frozen=True)
class Turn:
    """Figures and curves."""

    figures: EvidenceInputs
    series: dict[str, Points]


def ran(folder: Path) -> list[dict[str, Any]]:
    """Run the demo; its scenes."""
    command = [sys.executable, "-m", "fullturn", "demo", str(folder), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def turn(project: Workspace, scenes: list[dict[str, Any]]) -> Turn:
    """What the demo of this project, told in these scenes, left."""
    last = scenes[-1]
    back, through = sorted(releases(project.store), key=lambda release: release.began)[:2]
    figures: EvidenceInputs = {
        "seconds": round(last["at_seconds"]),
        "cores": len(os.sched_getaffinity(0)),
        "requests": last["asked"],
        "failed": last["failed"],
        "events": "; ".join(what for _, _, what in last["events"]),
    }
    for name, (what, judged, share, interval, _) in zip(
        ("before", "during", "after"), last["quality"], strict=True
    ):
        figures |= {
            f"{name}.what": what,
            f"{name}.judged": int(judged),
            f"{name}.accuracy": round(100 * float(share)),
            f"{name}.interval": interval,
        }
    series: dict[str, Points] = {"quality": quality(project), **moments(last["events"])}
    for name, release in (("back", back), ("through", through)):
        figures |= ended(project, name, release)
        series |= evidence(project, name, release)
    alarm_figures, alarm_series = alarmed(project, last["events"])
    return Turn({**figures, **alarm_figures}, {**series, **alarm_series})


MOMENTS = {"turns": "asks about new", "alarm": "alarm of", "champion": "is champion"}


def moments(events: list[tuple[int, float, str]]) -> dict[str, Points]:
    """Requests answered when it happened, under the name of the moment."""
    return {
        f"at.{name}": [[asked]]
        for name, words in MOMENTS.items()
        for asked, _, what in events
        if words in what
    }


def ended(project: Workspace, name: str, release: Release) -> EvidenceInputs:
    """How a release ended."""
    found = _looks(project, release)
    shadow = max((look.requests for look in found if look.stage == "shadow"), default=0)
    canary = max((look.requests for look in found if look.stage == "canary"), default=0)
    return {
        f"{name}.version": release.version,
        f"{name}.outcome": str(release.outcome),
        f"{name}.reason": release.reason,
        f"{name}.run": release.run,
        f"{name}.shadow": shadow,
        f"{name}.canary": canary,
        f"{name}.threshold": found[-1].readings[0].worse_at,
    }


def evidence(project: Workspace, name: str, release: Release) -> dict[str, Points]:
    """E-values that the version is worse, for each guardrail, over requests of both stages."""
    found = _looks(project, release)
    shadow = max((look.requests for look in found if look.stage == "shadow"), default=0)
    at = [look.requests + (shadow if look.stage == "canary" else 0) for look in found]
    return {
        f"{name}.{guardrail}": thinned(
            [
                [x, float(f"{_worse(look, guardrail):.4g}")]
                for x, look in zip(at, found, strict=True)
            ]
        )
        for guardrail in ("errors", "slow", "loss")
    }


def _worse(look: Decision, guardrail: str) -> float:
    return next(one.worse for one in look.readings if one.guardrail == guardrail)


def _looks(project: Workspace, release: Release) -> list[Decision]:
    return looks(looks_of(project.state / FOLDER, release.run))


def quality(project: Workspace) -> Points:
    """Requests answered, share of right answers with its interval, in blocks of judged answers."""
    observed = [
        one
        for one in Observer(project.state, project.subject, 0).read()
        if one.prediction.arm != "shadow"
    ]
    order = {one.prediction.id: number for number, one in enumerate(observed) if one.loss is None}
    place = {key: rank for rank, key in enumerate(sorted(order, key=order.__getitem__))}
    judged = sorted(
        (place[one.prediction.id], 1.0 - one.loss) for one in observed if one.loss is not None
    )
    return [[*point] for point in _blocks(judged)]


def _blocks(judged: list[tuple[int, float]]) -> Iterator[tuple[float, ...]]:
    for start in range(0, len(judged) - BLOCK + 1, BLOCK):
        part = judged[start : start + BLOCK]
        level = wilson(round(sum(right for _, right in part)), BLOCK)
        middle = (part[0][0] + part[-1][0]) / 2
        yield round(middle), round(level.estimate, 4), round(level.low, 4), round(level.high, 4)


def alarmed(
    project: Workspace, events: list[tuple[int, float, str]]
) -> tuple[EvidenceInputs, dict[str, Points]]:
    """The first alarm and that of the questions, with the curves of their detectors."""
    runs = sorted(monitor.alarms(project), key=lambda run: run.started)
    named = {run.tags["fullturn.detector"]: run for run in reversed(runs)}
    first = runs[0]
    subject = named.get(f"input.{project.subject.contract.text}", first)
    states, alarms = _told(project, first.id)
    named_subject = _told(project, subject.id)[1][0]
    at = {words: asked for asked, _, what in events for words in MOMENTS.values() if words in what}
    figures: EvidenceInputs = {
        "alarm.detector": first.tags["fullturn.detector"],
        "alarm.run": first.id,
        "alarm.verdict": named_subject.diagnosis.verdict,
        "alarm.reason": named_subject.diagnosis.reason,
        "alarm.words": ", ".join(named_subject.diagnosis.words[:6]),
        "alarm.after": at["alarm of"] - at["turns to new"],
        "alarm.threshold": states[0].threshold,
        "alarm.detectors": len(states),
        "alarm.arl": project.settings.monitoring.arl,
    }
    state = next(one for one in states if one.name == alarms[0].detector)
    return figures, {f"statistic.{state.name}": _curve(state, alarms[0])}


def _told(project: Workspace, run: str) -> tuple[list[DetectorState], list[Alarm]]:
    path = project.store.get(run, monitor.REPORTS[0])
    return report.from_json(path.read_text(encoding="utf-8"))


def _curve(state: DetectorState, alarm: Alarm) -> Points:
    """The way to the alarm, which ends in it."""
    before = [(at, value) for at, value in state.curve if at < alarm.requests]
    whole = [*before, (alarm.requests, alarm.statistic)]
    return thinned([[at, float(f"{min(value, 1e12):.4g}")] for at, value in whole])


def thinned(points: list[list[float]]) -> Points:
    """At most so many points, evenly, with the first and the last."""
    if len(points) <= MOST:
        return points
    steps = accumulate([(len(points) - 1) / (MOST - 1)] * (MOST - 1), initial=0.0)
    return [points[min(len(points) - 1, round(step))] for step in steps]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print figures and curves as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scenes = ran(Path(folder) / "demo")
        found = turn(Workspace.open(Path(folder) / "demo"), scenes)
    if arguments.keep:
        save("turn", typed(), found.figures, found.series)
    if arguments.json:
        print(json.dumps(vars(found), indent=2))
    else:
        print("\n".join(f"{name}: {value}" for name, value in found.figures.items()))


if __name__ == "__main__":
    main()
