"""Resolve references to runs and versions, including `best` and `candidate`."""

from __future__ import annotations

from functools import partial

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.pipeline.steps import CANDIDATE
from fullturn.registry import references
from fullturn.registry.references import Kind, Reference, Words
from fullturn.verbs.workspace import Workspace, newest


def run(project: Workspace, text: str | int) -> RunRecord:
    """The run of a reference: a run, `best`, `candidate`, or the run of a version.

    A registered model of another name, `models:/NAME/VERSION`, is evaluated if necessary.

    Raises:
        NotFound, UsageError: the reference matches none, or several.
        CouldNotEvaluate: a registered model cannot be evaluated.
    """
    found = resolve(project, text, ("version", "run", "model"))
    if found.kind == "model":
        from fullturn.verbs.parts import candidate

        return candidate.of_model(project, found.id)
    return references.run_of(project.store, found)


def version(project: Workspace, text: str | int) -> ModelVersion:
    """The model version of a reference: a version, or that of a run or registered model.

    Raises:
        NotFound, UsageError: the reference matches none, or several.
    """
    found = resolve(project, text, ("version", "run", "model"))
    if found.kind != "model":
        return references.version_of(project.store, found)
    from fullturn.verbs.parts import candidate

    run = candidate.find(project, project.subject.parameters_of(found.id))
    if run is None:
        raise NotFound(f"'{text}' has not been gated here; run `fullturn gate {text}`")
    return references.version_of(project.store, Reference("run", run.id))


def resolve(project: Workspace, text: str | int, wanted: tuple[Kind, ...]) -> Reference:
    """The entity of a reference, among the `wanted` kinds; an integer is always a version.

    Raises:
        NotFound, UsageError: the reference matches none, or several.
    """
    if isinstance(text, int):
        return Reference("version", str(text))
    return references.resolve(project.store, text, wanted, _words(project))


def _words(project: Workspace) -> Words:
    return {"best": partial(_best, project), CANDIDATE: partial(_candidate, project)}


def _candidate(project: Workspace) -> str:
    from fullturn.verbs.parts import candidate

    return candidate.get(project).id


def _best(project: Workspace) -> str:
    from fullturn.verbs.parts import candidate

    data = newest(project)
    known = candidate.usable_runs(project, data.version) if data else []
    if not known:
        on = f"dataset version {data.version}" if data else "any dataset version: none is committed"
        raise NotFound(f"no finished run on {on}; run `fullturn turn`")
    return candidate.best_of(project, known).id
