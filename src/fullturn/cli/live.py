"""The demo's second half: live traffic, a release that fails, a shift, retraining, a release."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fullturn.cli.output import escape, progress, say, show, table
from fullturn.cli.release import Looks
from fullturn.cli.turn import show_step

if TYPE_CHECKING:
    from fullturn.cli.story import Walk
    from fullturn.core.entities import Alarm
    from fullturn.demo.audience import Audience
    from fullturn.verbs.lineage import PredictionLineage
    from fullturn.verbs.release_state import Release
    from fullturn.verbs.workspace import Workspace

SEED = 4
CALM, BUSY = 25.0, 150.0
"""Requests a second: few while something is trained, many while users are asked."""
WARM, PATIENCE = 250, 6000
"""Requests of the quiet beginning, and those that an alarm may take."""


@dataclass
class Live:
    """A project in use, and what happened to it."""

    story: Walk
    project: Workspace
    audience: Audience
    address: str
    began: float = field(default_factory=time.monotonic)
    events: list[tuple[int, float, str]] = field(default_factory=list)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Phases, each from and to a point of the prediction log."""

    def note(self, what: str) -> None:
        """Put an event on the timeline."""
        asked = self.audience.counts().asked
        self.events.append((asked, time.monotonic() - self.began, what))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A stretch of the log whose quality is reported at the end."""
        start = time.time_ns()
        yield
        self.marks[name] = (start, time.time_ns())


@contextmanager
def audience_at(story: Walk, project: Workspace, address: str) -> Iterator[Live]:
    """Let the audience in."""
    from fullturn.demo.audience import Audience, TrafficProfile
    from fullturn.demo.example import pools

    with Audience(address, pools(project), project.state, TrafficProfile(seed=SEED)) as audience:
        yield Live(story, project, audience, address)


def quiet(live: Live) -> None:
    """The champion answers questions about what it knows."""
    live.story.scene("Live", "the champion serves over HTTP, a simulated audience asks and judges")
    live.note("the audience comes")
    with live.phase("before: known subjects"):
        seen = live.audience.wait_for(WARM)
    live.audience.pace(CALM)
    live.story.told(address=live.address)
    if not live.story.as_json:
        say(f"{live.address}: {seen.asked} questions answered, {seen.judged} judged by reviewers")


def truncated(live: Live) -> None:
    """A version that passes its gate, as its test set lost the same chapters, and fails live."""
    from fullturn.core.errors import Inconclusive, Refused
    from fullturn.demo.example import broken_copy
    from fullturn.verbs import release
    from fullturn.verbs.data import commit
    from fullturn.verbs.gate import gate
    from fullturn.verbs.train import train

    story, project = live.story, live.project
    story.scene(
        "A bad day", "a copy breaks off: five chapters are lost, and all test questions on them"
    )
    with progress() as watch:
        data = commit(project, broken_copy(project), "copied by the nightly job")
        trial = train(project, {}, name="on the broken copy")
        gated = gate(project, trial.run.id, progress=watch)
    assert gated.version is not None
    if not story.as_json:
        say(f"version {data.version} of the data: {data.rows} rows, {data.removed} removed")
        say(
            "gate: [green]✓ passed[/green] as model version "
            f"{gated.version.version}: offline nothing is amiss, so it goes on to shadow"
        )
    live.note(f"release of version {gated.version.version} begins")
    live.audience.pace(BUSY)
    try:
        release.release(project, str(gated.version.version), Looks(story.as_json))
    except (Refused, Inconclusive) as error:
        story.told(outcome=str(error))
    ended = _newest_release(project)
    live.note(f"version {ended.version} rolled back in {ended.stage}")
    if not story.as_json:
        seen = "no user ever saw an answer of it" if ended.stage == "shadow" else "in canary"
        say(f"version {ended.version} went back: [bold]{seen}[/bold]")
    restored = commit(project, [], "restored")
    live.note(f"data restored as version {restored.version}")
    if not story.as_json:
        say(f"version {restored.version} of the data: {restored.added} rows are back")


def shifted(live: Live) -> Alarm:
    """The audience turns to what the data does not hold."""
    from fullturn.core.errors import Inconclusive
    from fullturn.verbs.monitor import Monitor

    story = live.story
    story.scene("A shift", "the audience turns to two subjects that the data does not hold yet")
    monitor = Monitor(live.project)
    monitor.step()
    live.note("the audience turns to new subjects")
    limit = live.audience.turn_to("new").asked + PATIENCE
    start = time.time_ns()
    while not (alarms := monitor.step()):
        if live.audience.counts().asked > limit:
            raise Inconclusive(f"no alarm within {PATIENCE} requests")
        time.sleep(0.1)
    live.note(f"alarm of {alarms[0].detector}")
    live.audience.wait_for(150)
    live.audience.pace(CALM)
    monitor.step()
    live.marks["during: new subjects"] = (start, time.time_ns())
    subject = f"input.{live.project.app.contract.text}"
    known = monitor.seen().alarms
    alarm = next((one for one in known if one.detector == subject), known[0])
    story.told(detector=alarm.detector, verdict=alarm.diagnosis.verdict)
    if not story.as_json:
        show(alarm)
    return alarm


def retrained(live: Live) -> None:
    """The loop closes: `turn` decides, trains, gates and releases."""
    from fullturn.verbs.turn import LoopRunner

    story, project = live.story, live.project
    story.scene("The loop", "two chapters are written; `fullturn turn` does the rest")
    for chapter in sorted((project.root / "later" / "handbook").glob("*.md")):
        shutil.copy(chapter, project.root / "handbook" / chapter.name)
    steps = []
    with progress() as watch:
        for step in LoopRunner(project, watch, Looks(story.as_json)).turn():
            steps.append(step)
            if step.stage == "gate":
                live.audience.pace(BUSY)
            if step.stage in ("retraining", "data", "release"):
                live.note(f"{step.stage}: {step.what}")
            if not story.as_json:
                show_step(step)
    story.told(steps=[step.what for step in steps])
    live.audience.turn_to("after")
    with live.phase("after: new subjects, unseen questions"):
        live.audience.wait_for(WARM)


def looked_back(live: Live) -> None:
    """The timeline, the quality of each phase, and the lineage of one answer."""
    from fullturn.verbs.lineage import of_prediction

    story, counts = live.story, live.audience.counts()
    story.scene("Looking back", "what happened when, and what it meant for users")
    quality = _quality(live)
    found = of_prediction(live.project, counts.last)
    story.told(quality=quality, asked=counts.asked, failed=counts.failed, events=live.events)
    if story.as_json:
        return
    rows = [
        (f"{asked:,}", f"{seconds:.0f} s", escape(what)) for asked, seconds, what in live.events
    ]
    table((">requests", ">after", "what happened"), rows)
    say()
    table(("answers right", ">judged", ">share", ">95 % interval", ""), quality)
    say(f"[bold]{counts.failed} of {counts.asked:,} requests failed[/bold]")
    say(_one_line(found))


def kept(live: Live) -> None:
    """Leave the server up for a person, without the audience."""
    live.audience.leave()
    say(f"serving at [bold]{live.address}[/bold] until Ctrl-C; try:")
    body = json.dumps({"inputs": [{"question": "What is a canary release?"}]})
    say(f"  curl {live.address}/predict -d '{escape(body)}'")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def _newest_release(project: Workspace) -> Release:
    from fullturn.verbs.release_state import releases

    return releases(project)[0]


def _quality(live: Live) -> list[tuple[str, ...]]:
    from fullturn.statistics.intervals import cluster_mean
    from fullturn.verbs.observations import Observer

    observed = [one for one in Observer(live.project, 0).read() if one.loss is not None]
    rows: list[tuple[str, ...]] = []
    for name, (start, end) in live.marks.items():
        judged = [
            one
            for one in observed
            if one.prediction.arm != "shadow" and start <= one.prediction.sequence < end
        ]
        right = [1.0 - (one.loss or 0.0) for one in judged]
        level = cluster_mean(right, [one.prediction.key for one in judged])
        interval = f"{level.low:.2f} to {level.high:.2f}"
        rows.append(
            (
                name,
                str(len(right)),
                f"{level.estimate:.2f}",
                interval,
                "█" * round(20 * level.estimate),
            )
        )
    return rows


def _one_line(found: PredictionLineage) -> str:
    one, of = found.prediction, found.lineage
    judged = f"judged by {found.feedback[-1].source}" if found.feedback else "not judged yet"
    way = (
        f"answer {one.id[:8]} to {one.key} ({judged})",
        ", ".join(found.passages) or "no passage",
        f"version {one.version}",
        f"run {of.run[:8]}",
        f"commit {of.commit[:12]}",
        f"dataset version {of.data} ({of.data_digest[:12]})",
        f"gate {of.gate[:8]} {of.gate_outcome}",
    )
    return escape(" → ".join(way))
