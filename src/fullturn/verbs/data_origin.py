"""Where a version's data came from: its dataset version, and the way from the champion's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fullturn.core.entities import DatasetVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.registry import versions
from fullturn.verbs.workspace import Workspace


def data_of(project: Workspace, run: RunRecord) -> DatasetVersion | None:
    """The dataset version that a run was trained on, by its digest; None if it is not here."""
    return _known(project).get(TrainingTags.read(run.tags).data_digest or "")


def data_difference(project: Workspace, run: RunRecord, champion: int | None) -> Mapping[str, Any]:
    """From the data of the champion, the version that a gate compared with, to that of a run.

    Counts and shares only, no row: the evidence is meant to be handed on.
    """
    training = TrainingTags.read(run.tags)
    if training.refers_to is not None:
        said = "The model was trained elsewhere: on which rows, is unknown here."
        return _stated(said, None, None)
    mine = training.data_digest
    if champion is None:
        return _stated("There was no champion whose data could differ.", None, mine)
    version = versions.version(project.store, str(champion))
    theirs = VersionTags.read(version.tags).data_digest
    if mine == theirs:
        return _stated(f"version {champion} was trained on the same data.", theirs, mine)
    known = _known(project)
    if theirs not in known or mine not in known:
        other = f"version {champion}" if theirs not in known else "this version"
        said = f"The data of {other} is not in the table where the gate ran: not compared."
        return _stated(said, theirs, mine)
    return _compared(project, known[theirs], known[mine], f"version {champion}")


def _compared(
    project: Workspace, before: DatasetVersion, after: DatasetVersion, champion: str
) -> Mapping[str, Any]:
    from fullturn.data.difference import diff

    found = diff(project.table, project.subject.contract, before.version, after.version)
    sentence = (
        f"From the data of {champion} (version {before.version}): {found.added} rows added, "
        f"{found.removed} removed, {found.changed} changed."
    )
    return {
        **_stated(sentence, before.digest, after.digest),
        "versions": [before.version, after.version],
        "added": found.added,
        "removed": found.removed,
        "changed": found.changed,
        "splits": found.splits,
        "labels": found.labels,
    }


def _stated(sentence: str, before: str | None, after: str | None) -> dict[str, Any]:
    return {"sentence": sentence, "before": before, "after": after}


def _known(project: Workspace) -> dict[str, DatasetVersion]:
    """Dataset versions of the table here, by digest."""
    from fullturn.data import versions as tables

    try:
        return {one.digest: one for one in tables.log(project.table)}
    except NotFound:
        return {}
