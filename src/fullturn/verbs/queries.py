"""Look at what is there: runs, history, lineage. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass

from fullturn.core.entities import (
    Feedback,
    HistoryEntry,
    Prediction,
    RunRecord,
)
from fullturn.registry import promotion
from fullturn.registry.lineage import Lineage, lineage
from fullturn.serving import log
from fullturn.tracking.comparison import Comparison, compare
from fullturn.tracking.runs import reap
from fullturn.verbs import references
from fullturn.verbs.train import VALIDATION
from fullturn.verbs.workspace import Workspace, stored_evaluation


def runs(project: Workspace, kind: str | None, limit: int) -> list[RunRecord]:
    """Runs, newest first, after closing those whose process is gone."""
    reap(project.store, project.state)
    return project.store.runs(kind, limit)


def compare_runs(project: Workspace, a: str, b: str) -> Comparison:
    """Runs, or versions, `a` and `b` on the validation rows that both have scored.

    Raises:
        NotFound: no such run, or it stored no evaluation.
    """
    first, second = (references.run(project, reference) for reference in (a, b))
    left, right = (stored_evaluation(project, run.id, VALIDATION) for run in (first, second))
    return compare(first, second, left, right)


def champion_history(project: Workspace) -> list[HistoryEntry]:
    """Every promotion and rollback, oldest first; repairs the alias if a process died."""
    promotion.settle(project.store)
    return promotion.history(project.store)


def lineage_of(project: Workspace, reference: str) -> Lineage:
    """The way from a version to what made it."""
    return lineage(project.store, references.version(project, reference))


@dataclass(frozen=True, slots=True)
class Answered:
    """A logged prediction, what became known of it, and where its version came from."""

    prediction: Prediction
    feedback: tuple[Feedback, ...]
    """The one that counts last."""
    passages: tuple[str, ...]
    """Ids of the passages that an assistant cited."""
    lineage: Lineage


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
