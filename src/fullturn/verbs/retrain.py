"""Decide whether to retrain, record the decision, and prepare the new training rows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from fullturn.core.entities import Alarm, RunRecord
from fullturn.core.settings import RetrainingSettings
from fullturn.core.state import state_id
from fullturn.core.tags import NOTE, PARENT, RetrainingTags
from fullturn.retraining.decision import NOTHING, RetrainingDecision, Situation, decide, trigger
from fullturn.tracking.runs import RunPlan, recorded
from fullturn.verbs.monitor import Monitor, identity
from fullturn.verbs.parts import feedback_rows
from fullturn.verbs.workspace import Workspace, load

KIND = "retraining"


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision and the run that records it."""

    decision: RetrainingDecision
    run: str
    alarm: Alarm | None
    rows: int
    """New rows for the next dataset version."""
    left_out: Mapping[str, int]


def consider(monitor: Monitor) -> RecordedDecision | None:
    """Decide on the newest alarm, or on the champion's age; None if that was decided before.

    A decision for lack of labels is made again when there are more. Each decision is recorded
    before anything follows from it.
    """
    project = monitor.project
    complete_decisions(project)
    runs = project.store.runs(KIND)
    alarm = monitor.newest_alarm()
    situation = _situation(monitor, alarm, runs)
    known = _outcomes(_key(monitor, alarm), runs)
    if "PASSED" in known or _possible(situation, project.settings.retraining) <= known:
        return None
    collected = feedback_rows.collect_feedback_rows(project, load(project))
    complete = replace(situation, new_rows=len(collected.rows))
    decision = decide(complete, project.settings.retraining)
    if decision.outcome in known:
        return None
    run = _record(monitor, decision, alarm, collected)
    complete_decisions(project)
    return RecordedDecision(decision, run, alarm, len(collected.rows), collected.left_out)


def complete_decisions(project: Workspace) -> None:
    """Store the new rows of decisions whose process died before, for the next commit.

    Those that this state folder decided: another machine's are that one's to complete.
    """
    for run in project.store.runs(KIND, status="RUNNING"):
        if not _is_own(project, run):
            continue
        if RetrainingTags.read(run.tags).outcome == "PASSED":
            rows = json.loads(project.store.get(run.id, "rows.json").read_text(encoding="utf-8"))
            feedback_rows.store(project, rows)
        # Without an outcome it was not recorded completely: the decision is made again.
        project.store.end_run(
            run.id, "FINISHED" if RetrainingTags.read(run.tags).outcome else "KILLED"
        )


def _is_own(project: Workspace, run: RunRecord) -> bool:
    """Whether this state folder decided; version 0.1 did not record it, and nobody else can have
    where the tracking server is not shared."""
    decided = RetrainingTags.read(run.tags).state
    return decided == state_id(project.state) if decided else not project.shared


def _situation(monitor: Monitor, alarm: Alarm | None, runs: list[RunRecord]) -> Situation:
    """The inputs of the decision, without the new rows: collecting those takes longer."""
    labelled = monitor.losses(alarm.began) if alarm else []
    reference = [row.bounded_loss for row in monitor.reference]
    trained = (run for run in runs if RetrainingTags.read(run.tags).outcome == "PASSED")
    return Situation(
        now=time.time(),
        trained=_seconds(monitor.run),
        alarm=alarm.detector if alarm else None,
        verdict=alarm.diagnosis.verdict if alarm else None,
        losses=tuple(one.loss for one in labelled if one.loss is not None),
        keys=tuple(one.prediction.key for one in labelled),
        reference_loss=sum(reference) / len(reference),
        new_rows=0,
        retrainings=tuple(map(_seconds, trained)),
    )


def _possible(situation: Situation, settings: RetrainingSettings) -> set[str]:
    """The possible outcomes, with and without new rows; empty if nothing triggers a training."""
    if trigger(situation, settings) == NOTHING:
        return set()
    return {decide(replace(situation, new_rows=rows), settings).outcome for rows in (0, 1)}


def _outcomes(key: str, runs: list[RunRecord]) -> set[str | None]:
    """Earlier outcomes for the same alarm or age."""
    known = (RetrainingTags.read(run.tags) for run in runs)
    return {one.outcome for one in known if one.alarm == key}


def _record(
    monitor: Monitor,
    decision: RetrainingDecision,
    alarm: Alarm | None,
    collected: feedback_rows.FeedbackRows,
) -> str:
    project = monitor.project
    plan = RunPlan(KIND, "", owner=project.owner)
    what = "retrain" if decision.retrain else "do not retrain"
    tags = {
        **recorded(project.root, plan),
        **RetrainingTags(
            state=state_id(project.state), alarm=_key(monitor, alarm), trigger=decision.trigger
        ).write(),
        NOTE: f"**{what}** ({decision.trigger}): {decision.reason}",
        PARENT: monitor.run.id,
    }
    run = project.store.start_run(KIND, f"{what}: {decision.trigger}", {}, tags)
    record = {**asdict(decision), "left_out": collected.left_out}
    project.store.put_text(run, json.dumps(record, indent=1, default=str), "decision.json")
    project.store.put_text(run, json.dumps(list(collected.rows), ensure_ascii=False), "rows.json")
    figures = {
        name: float(value)
        for name, value in decision.figures.items()
        if isinstance(value, int | float)
    }
    project.store.log_metrics(run, figures)
    project.store.tag_run(run, RetrainingTags(outcome=decision.outcome).write())
    return run


def _key(monitor: Monitor, alarm: Alarm | None) -> str:
    return identity(alarm) if alarm else f"age of version {monitor.version}"


def _seconds(run: RunRecord) -> float:
    return datetime.fromisoformat(run.started).timestamp()
