"""Second half of the demo: live traffic, a failed release, drift, retraining, a release."""

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

from fullturn.cli.output import escape, progress, say, show, show_step, table
from fullturn.cli.serving import ReleaseProgress

if TYPE_CHECKING:
    from fullturn.cli.story import Story
    from fullturn.core.entities import Alarm
    from fullturn.demo.audience import Audience
    from fullturn.release.state import Release
    from fullturn.verbs.lineage import PredictionLineage
    from fullturn.verbs.workspace import Workspace

SEED = 4
CALM, BUSY = 25.0, 150.0
"""Requests per second: few during training, many during a release."""
WARM, PATIENCE = 250, 6000
"""Requests at the start, and maximum requests until the alarm."""


@dataclass
class Live:
    """A project under traffic, with a timeline of events."""

    story: Story
    project: Workspace
    audience: Audience
    address: str
    began: float = field(default_factory=time.monotonic)
    events: list[tuple[int, float, str]] = field(default_factory=list)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Phases, as start and end points in the prediction log."""

    def note(self, what: str) -> None:
        """Add an event to the timeline."""
        asked = self.audience.counts().asked
        self.events.append((asked, time.monotonic() - self.began, what))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A phase whose quality is reported at the end."""
        start = time.time_ns()
        yield
        self.marks[name] = (start, time.time_ns())


@contextmanager
def audience_at(story: Story, project: Workspace, address: str) -> Iterator[Live]:
    """Start the simulated audience."""
    from fullturn.demo.audience import Audience, TrafficProfile
    from fullturn.demo.example import pools

    with Audience(address, pools(project), project.state, TrafficProfile(seed=SEED)) as audience:
        yield Live(story, project, audience, address)


def quiet(live: Live) -> None:
    """The champion answers questions on known topics."""
    live.story.scene(
        "Live", "the champion serves a simulated audience over HTTP, which rates its answers"
    )
    live.note("the audience arrives")
    with live.phase("before: known topics"):
        seen = live.audience.wait_for(WARM)
    live.audience.pace(CALM)
    live.story.record(address=live.address)
    if not live.story.as_json:
        say(f"{live.address}: {seen.asked} questions answered, {seen.judged} rated by reviewers")


def truncated(live: Live) -> None:
    """A version that passes its gate, as its test set lost the same chapters, but fails live."""
    from fullturn.core.errors import Inconclusive, Refused
    from fullturn.demo.example import broken_copy
    from fullturn.verbs import release
    from fullturn.verbs.data import commit
    from fullturn.verbs.gate import gate
    from fullturn.verbs.train import train

    story, project = live.story, live.project
    story.scene(
        "A bad day",
        "a data copy is cut short: it loses five chapters and all test questions on them",
    )
    with progress() as watch:
        data = commit(
            project,
            broken_copy(project),
            "copied by the nightly job",
            confirm_fewer_rows=True,  # as a job does whose author was once asked to confirm
        )
        trial = train(project, {}, name="on the broken copy")
        gated = gate(project, trial.run.id, progress=watch)
    assert gated.version is not None
    if not story.as_json:
        say(f"dataset version {data.version}: {data.rows} rows, {data.removed} removed")
        say(
            "gate: [green]✓ passed[/green] as model version "
            f"{gated.version.version}: offline tests see no problem, so it is released in shadow"
        )
    live.note(f"release of version {gated.version.version} starts")
    live.audience.pace(BUSY)
    try:
        release.release(project, str(gated.version.version), ReleaseProgress(story.as_json))
    except (Refused, Inconclusive) as error:
        story.record(outcome=str(error))
    ended = _newest_release(project)
    live.note(f"version {ended.version} rolled back in {ended.stage}")
    if not story.as_json:
        seen = "no user saw any of its answers" if ended.stage == "shadow" else "in canary"
        say(f"version {ended.version} rolled back: [bold]{seen}[/bold]")
    restored = commit(project, [], "restored")
    live.note(f"data restored as version {restored.version}")
    if not story.as_json:
        say(f"dataset version {restored.version}: {restored.added} rows restored")


def shifted(live: Live) -> Alarm:
    """The audience asks about topics that the data doesn't cover."""
    from fullturn.core.errors import Inconclusive
    from fullturn.verbs.monitor import Monitor

    story = live.story
    story.scene("A shift", "the audience asks about two topics that the data doesn't cover yet")
    monitor = Monitor(live.project)
    monitor.step()
    live.note("the audience asks about new topics")
    limit = live.audience.switch_to("new").asked + PATIENCE
    start = time.time_ns()
    while not (alarms := monitor.step()):
        if live.audience.counts().asked > limit:
            raise Inconclusive(f"no alarm within {PATIENCE} requests")
        time.sleep(0.1)
    live.note(f"alarm of {alarms[0].detector}")
    live.audience.wait_for(150)
    live.audience.pace(CALM)
    monitor.step()
    live.marks["during: new topics"] = (start, time.time_ns())
    subject = f"input.{live.project.subject.contract.text}"
    known = monitor.seen().alarms
    alarm = next((one for one in known if one.detector == subject), known[0])
    story.record(detector=alarm.detector, verdict=alarm.diagnosis.verdict)
    if not story.as_json:
        show(alarm)
    return alarm


def retrained(live: Live) -> None:
    """`turn` decides, retrains, gates and releases."""
    from fullturn.verbs.turn import LoopRunner

    story, project = live.story, live.project
    story.scene("The loop", "two chapters have been written; `fullturn turn` does the rest")
    for chapter in sorted((project.root / "later" / "handbook").glob("*.md")):
        shutil.copy(chapter, project.root / "handbook" / chapter.name)
    steps = []
    with progress() as watch:
        for step in LoopRunner(project, watch, ReleaseProgress(story.as_json)).turn():
            steps.append(step)
            if step.stage == "gate":
                live.audience.pace(BUSY)
            if step.stage in ("retraining", "data", "release"):
                live.note(f"{step.stage}: {step.what}")
            if not story.as_json:
                show_step(step)
    story.record(steps=[step.what for step in steps])
    live.audience.switch_to("after")
    with live.phase("after: new topics, unseen questions"):
        live.audience.wait_for(WARM)


def summary(live: Live) -> None:
    """The timeline, the quality in each phase, and the lineage of one answer."""
    from fullturn.verbs.lineage import of_prediction

    story, counts = live.story, live.audience.counts()
    story.scene("Summary", "what happened, and what it meant for users")
    quality = _quality(live)
    found = of_prediction(live.project, counts.last)
    story.record(quality=quality, asked=counts.asked, failed=counts.failed, events=live.events)
    if story.as_json:
        return
    rows = [
        (f"{asked:,}", f"{seconds:.0f} s", escape(what)) for asked, seconds, what in live.events
    ]
    table((">requests", ">after", "event"), rows)
    say()
    table(("correct answers", ">rated", ">share", ">95 % interval", ""), quality)
    say(f"[bold]{counts.failed} of {counts.asked:,} requests failed[/bold]")
    say(_lineage_line(found))


def keep_serving(live: Live) -> None:
    """Keep the server running without the audience."""
    live.audience.leave()
    say(f"serving at [bold]{live.address}[/bold]; stop with Ctrl-C; try:")
    body = json.dumps({"inputs": [{"question": "What is a canary release?"}]})
    say(f"  curl {live.address}/predict --json '{escape(body)}'")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def _newest_release(project: Workspace) -> Release:
    from fullturn.release.state import releases

    return releases(project.store)[0]


def _quality(live: Live) -> list[tuple[str, ...]]:
    from fullturn.serving.observations import Observer
    from fullturn.statistics.intervals import cluster_mean

    observer = Observer(live.project.state, live.project.subject, 0)
    observed = [one for one in observer.read() if one.loss is not None and not one.unscored]
    rows: list[tuple[str, ...]] = []
    for name, (start, end) in live.marks.items():
        judged = [
            one
            for one in observed
            if one.prediction.arm != "shadow" and start <= one.prediction.sequence < end
        ]
        correct = [1.0 - (one.loss or 0.0) for one in judged]
        level = cluster_mean(correct, [one.prediction.key for one in judged])
        interval = f"{level.low:.2f} to {level.high:.2f}"
        rows.append(
            (
                name,
                str(len(correct)),
                f"{level.estimate:.2f}",
                interval,
                "█" * round(20 * level.estimate),
            )
        )
    return rows


def _lineage_line(found: PredictionLineage) -> str:
    one, of = found.prediction, found.lineage
    assert of is not None, "a version of the registry answered"
    judged = f"rated by {found.feedback[-1].source}" if found.feedback else "not rated yet"
    parts = (
        f"answer {one.id[:8]} to {one.key} ({judged})",
        ", ".join(found.passages) or "no passage",
        f"version {one.version}",
        f"run {of.run[:8]}",
        f"commit {of.commit[:12]}",
        f"dataset version {of.data} ({of.data_digest[:12]})",
        f"gate {of.gate[:8]} {of.gate_outcome}",
    )
    return escape(" → ".join(parts))
