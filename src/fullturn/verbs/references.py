"""References as the verbs take them: with the words `best` and `candidate`."""

from __future__ import annotations

from functools import partial

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.pipeline.steps import CANDIDATE
from fullturn.registry import references
from fullturn.registry.references import Kind, Reference, Words
from fullturn.verbs.workspace import Workspace, newest


def run(project: Workspace, text: str | int) -> RunRecord:
    """The run that `text` means: a run, `best`, `candidate`, or the one that made a version.

    Raises:
        NotFound, UsageError: it means none, or several.
    """
    return references.run(project.store, str(text), _words(project))


def version(project: Workspace, text: str | int) -> ModelVersion:
    """The model version that `text` means, or that the run it means became.

    Raises:
        NotFound, UsageError: it means none, or several.
    """
    return references.version(project.store, str(text), _words(project))


def resolve(project: Workspace, text: str | int, wanted: tuple[Kind, ...]) -> Reference:
    """What `text` means, of the `wanted` kinds.

    Raises:
        NotFound, UsageError: it means none, or several.
    """
    return references.resolve(project.store, str(text), wanted, _words(project))


def _words(project: Workspace) -> Words:
    return {"best": partial(_best, project), CANDIDATE: partial(_candidate, project)}


def _candidate(project: Workspace) -> str:
    from fullturn.verbs import candidate

    return candidate.get(project).id


def _best(project: Workspace) -> str:
    from fullturn.verbs import candidate

    data = newest(project)
    known = candidate.usable_runs(project, data.version) if data else []
    if not known:
        on = f"dataset version {data.version}" if data else "any dataset version: none is committed"
        raise NotFound(f"no finished run on {on}; `fullturn turn` makes one")
    return candidate.best_of(project, known).id
