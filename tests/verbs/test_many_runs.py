"""A project with more runs than MLflow sends at once forgets none of them."""

from __future__ import annotations

from fullturn.verbs.gate import find_gate, gate
from fullturn.verbs.parts import candidate, references
from fullturn.verbs.parts.candidate import trained_on
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.store.many import many


def test_best_of_gates_and_candidates_are_found_behind_1500_newer_runs(project: Workspace) -> None:
    trial = train(project, {}, name="good")
    gated = gate(project, trial.run.id, register=False)
    many(project.store, trial.run.id, 1500)
    many(project.store, gated.run, 1500, "gate", first=2000)
    assert [run.id for run in trained_on(project, None)] == [trial.run.id]
    assert candidate.best_of(project, candidate.usable_runs(project, 1)).id == trial.run.id
    assert references.run(project, "best").id == trial.run.id
    assert candidate.get(project).id == trial.run.id
    found = find_gate(project, trial.run)
    assert found is not None and found.run == gated.run
    assert references.run(project, "good").id == trial.run.id
