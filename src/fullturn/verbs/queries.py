"""Look at what is there: runs, history, lineage. Nothing is decided here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fullturn.core.entities import (
    Feedback,
    HistoryEntry,
    Prediction,
    RunRecord,
)
from fullturn.core.errors import NotFound
from fullturn.pipeline.steps import CANDIDATE
from fullturn.registry import promotion, versions
from fullturn.registry.lineage import Lineage, lineage
from fullturn.serving import log
from fullturn.tracking.comparison import Comparison, compare
from fullturn.tracking.runs import reap
from fullturn.verbs.candidate import get
from fullturn.verbs.data import log as data_log
from fullturn.verbs.train import VALIDATION
from fullturn.verbs.turn import best_of, trained
from fullturn.verbs.workspace import Workspace, stored_evaluation


def runs(project: Workspace, kind: str | None, limit: int) -> list[RunRecord]:
    """Runs, newest first, after closing those whose process is gone."""
    reap(project.store, project.state)
    return project.store.runs(kind, limit)


def named(project: Workspace, reference: str) -> str:
    """The reference itself; for "best" the best run on the newest dataset version, for
    "candidate" what this checkout trained.

    Raises:
        NotFound: no run there raced to the end, or the candidate has not been trained.
    """
    if reference == CANDIDATE:
        return get(project).id
    if reference != "best":
        return reference
    newest = data_log(project)[-1].version
    known = trained(project, newest)
    if not known:
        raise NotFound(f"no finished run on dataset version {newest}; `fullturn train` makes one")
    return best_of(project, known).id


def compare_runs(project: Workspace, a: str, b: str) -> Comparison:
    """Runs `a` and `b` on the validation rows that both have scored.

    Raises:
        NotFound: no such run, or it stored no evaluation.
    """
    first, second = (project.store.find_run(reference, "train") for reference in (a, b))
    left, right = (stored_evaluation(project, run.id, VALIDATION) for run in (first, second))
    return compare(first, second, left, right)


def champion_history(project: Workspace) -> list[HistoryEntry]:
    """Every promotion and rollback, oldest first; repairs the alias if a process died."""
    promotion.settle(project.store)
    return promotion.history(project.store)


def lineage_of(project: Workspace, reference: str) -> Lineage:
    """The way from a version to what made it."""
    return lineage(project.store, versions.version(project.store, reference))


@dataclass(frozen=True, slots=True)
class Answered:
    """A logged prediction, what became known of it, and where its version came from."""

    prediction: Prediction
    feedback: tuple[Feedback, ...]
    """The one that counts last."""
    passages: tuple[str, ...]
    """Ids of the passages that an assistant cited."""
    lineage: Lineage


def is_prediction(reference: str) -> bool:
    """Whether this is an id of a prediction, not of a version."""
    return re.fullmatch("[0-9a-f]{32}", reference) is not None


def prediction_lineage(project: Workspace, number: str) -> Answered:
    """The way from a prediction to everything that made it, offline.

    Raises:
        NotFound: the log has no such prediction, or the registry no such version.
    """
    found = log.find(project.state, number)
    return Answered(
        prediction=found,
        feedback=tuple(log.feedback_on(project.state, number)),
        passages=tuple(map(str, (found.output or {}).get("citations", ()))),
        lineage=lineage_of(project, str(found.version)),
    )
