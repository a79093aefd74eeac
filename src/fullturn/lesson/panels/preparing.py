"""Prepare the lesson's project, and clean up after an interrupted panel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fullturn.core.entities import Params
from fullturn.core.errors import Conflict, FullturnError, Refused
from fullturn.demo.example import CANDIDATES
from fullturn.lesson.panels.events import Emit, say
from fullturn.release import state
from fullturn.verbs import release
from fullturn.verbs.data import commit
from fullturn.verbs.workspace import Progress, Workspace, newest, silent


def prepare(
    folder: Path, progress: Progress = silent, candidates: Mapping[str, Params] = CANDIDATES
) -> Workspace:
    """Create the lesson's project.

    It contains dataset version 1, the candidates of a search, a careless candidate that the gate
    rejected, and a champion.

    Raises:
        UsageError: the folder is a file or contains something else.
        Refused: the best candidate did not pass the gate.
    """
    from fullturn.demo import example
    from fullturn.verbs.data import commit
    from fullturn.verbs.gate import gate
    from fullturn.verbs.promote import promote
    from fullturn.verbs.train import train

    steps = len(candidates) + 4
    progress("the project and its data", 0, steps)
    project = example.create(folder)
    commit(project, [], example.FIRST_DATA)
    trials, arriving = [], example.race(project, candidates)
    for number, name in enumerate(candidates, 1):
        progress(f"candidate '{name}'", number, steps)
        trials.append(next(arriving))
    progress(f"candidate '{example.CARELESS}' and its gate", steps - 3, steps)
    gate(project, train(project, example.CARELESS_PARAMS, name=example.CARELESS).run.id)
    best = example.leader(trials)
    assert best is not None
    progress(f"gate of '{best.run.name}'", steps - 2, steps)
    gated = gate(project, best.run.id)
    if gated.version is None:
        raise Refused(f"the gate of the best candidate ended {gated.report.outcome}")
    progress("promotion", steps - 1, steps)
    promote(project, str(gated.version.version), f"gate {gated.run[:8]} passed")
    progress("prepared", steps, steps)
    return project


def prepared(folder: Path) -> Workspace | None:
    """The project that `prepare` created in `folder`; None if missing or incomplete."""
    from fullturn.registry import promotion

    if not (folder / ".fullturn" / "mlflow.db").is_file() or not (folder / "later").is_dir():
        return None
    try:
        project = Workspace.open(folder)
        return project if promotion.champion(project.store) is not None else None
    except FullturnError:
        return None


BROKEN_DATA = "a copy that was cut short"
"""Message of the dataset version that must not remain the newest."""


def recover(project: Workspace, emit: Emit) -> None:
    """Abort a release left by an interrupted panel, and restore the data."""
    if state.under_way(project.store) is not None:
        try:
            ended = release.abort(project, "left by an interrupted panel")
            emit(say(f"aborted the unfinished release of version {ended.version}"))
        except Conflict as error:
            emit(say(str(error)))
    restore(project, emit)


def restore(project: Workspace, emit: Emit) -> None:
    """Commit the project's files again if the newest dataset version is the broken copy."""
    data = newest(project)
    if data is not None and data.message == BROKEN_DATA:
        restored = commit(project, [], "restored")
        emit(say(f"data restored as version {restored.version}: {restored.added} rows added"))
