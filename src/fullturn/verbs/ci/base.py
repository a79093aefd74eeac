"""What a candidate is compared with where there is no champion: the model of the base branch."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate, FullturnError
from fullturn.core.settings import FILE, STATE
from fullturn.core.showing import Block, Result, line, view
from fullturn.registry import promotion
from fullturn.verbs import candidate
from fullturn.verbs.ci.checkout import checkout, merge_base, worktree
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.promote import promote
from fullturn.verbs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Base(Result):
    """What the candidate will be compared with, and why."""

    champion: int | None
    reason: str


def base(project: Workspace) -> Base:
    """The champion; in a local registry without one, the base branch's model is made champion.

    That model is trained in this environment and passes its own gate first. It is how a pipeline
    without access to the team's registry, as on a fork, still compares.

    Raises:
        CouldNotEvaluate: the base branch's model cannot be had.
    """
    champion = promotion.sync_alias(project.store)
    if champion is not None:
        return Base(champion, f"version {champion} is champion")
    if project.shared:
        return Base(None, f"the registry of '{project.settings.name}' has no champion yet")
    common = merge_base(project)
    if common is None:
        return Base(None, "no champion yet, and no base branch that this one differs from")
    where = f"commit {common[:12]} of {checkout(project).base}"
    with worktree(project, common) as folder:
        if not (folder / FILE).exists():
            return Base(None, f"no champion yet, and {where} holds no project")
        outcome = _apart(folder, project.state, where)
    champion = promotion.sync_alias(project.store)
    how = f"version {champion}, the model of {where}, made here" if champion else "nothing"
    return Base(champion, f"{how}: its gate {outcome}")


def _apart(folder: Path, state: Path, where: str) -> str:
    """In a process of its own: the base's modules have the names of this checkout's."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(make_champion, folder, state, where).result()
    except FullturnError as error:
        raise CouldNotEvaluate(
            f"the model of {where} cannot be made here: {error} (a champion in a registry that "
            "this checkout can reach is compared with instead, see MLFLOW_TRACKING_URI)"
        ) from error
    except BrokenProcessPool as error:
        raise CouldNotEvaluate(
            f"the process that made the model of {where} died; free memory and try again"
        ) from error


def make_champion(folder: Path, state: Path, where: str) -> str:
    """Commit the data, train, gate and promote what a checkout holds; returns the outcome."""
    os.environ[STATE] = str(state)
    project = Workspace.open(folder)
    commit(project, [], where)
    trial, _ = candidate.trained(project)
    gated = gate(project, trial.run.id, cached=True)
    if gated.version and promotion.champion(project.store) is None:
        promote(project, str(gated.version.version), f"the model of {where}, to compare with")
    return gated.report.outcome


@view.register
def _(result: Base) -> Iterator[Block]:
    yield line(result.reason)
