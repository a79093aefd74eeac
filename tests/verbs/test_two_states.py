"""Two machines, two state folders, one MLflow: an effect belongs to the state that decided it."""

from __future__ import annotations

import json
from dataclasses import replace

from fullturn.core.state import state_id
from fullturn.core.tags import RetrainingTags
from fullturn.verbs import retrain
from fullturn.verbs.workspace import Workspace, feedback_file

ROW = {"id": "new", "text": "where is my parcel", "label": "delivery", "group": "g", "split": ""}


def decided(project: Workspace, tags: RetrainingTags) -> str:
    """A decision whose process died before its rows were stored."""
    run = project.store.start_run(retrain.KIND, "retrain: alarm", {}, tags.write())
    project.store.put_text(run, json.dumps([ROW]), "rows.json")
    return run


def test_what_another_state_decided_is_left_to_it(project: Workspace) -> None:
    theirs = RetrainingTags(state="of another machine", outcome="PASSED")
    half = replace(theirs, outcome=None)
    left = [decided(project, theirs), decided(project, half)]
    mine = decided(project, RetrainingTags(state=state_id(project.state), outcome=None))
    retrain.complete_decisions(project)
    assert [project.store.run(run).status for run in left] == ["RUNNING", "RUNNING"]
    assert project.store.run(mine).status == "KILLED"
    assert not feedback_file(project).exists()


def test_what_this_state_decided_is_carried_out(project: Workspace) -> None:
    mine = decided(project, RetrainingTags(state=state_id(project.state), outcome="PASSED"))
    retrain.complete_decisions(project)
    assert project.store.run(mine).status == "FINISHED"
    assert "parcel" in feedback_file(project).read_text(encoding="utf-8")


def test_what_version_0_1_decided_is_carried_out_where_nobody_else_can_have(
    project: Workspace,
) -> None:
    old = decided(project, RetrainingTags(outcome="PASSED"))
    retrain.complete_decisions(project)
    assert project.store.run(old).status == "FINISHED"
