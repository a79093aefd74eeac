"""Move the champion forward and back; say where it came from; make it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullturn.core.entities import HistoryEntry, ModelVersion
from fullturn.core.errors import BundleError, NotFound
from fullturn.core.tags import KIND
from fullturn.registry import promotion, reproduction, versions
from fullturn.subjects import bundle
from fullturn.subjects.protocols import Predictor
from fullturn.verbs import references
from fullturn.verbs.train import VALIDATION, train_one
from fullturn.verbs.verify import require
from fullturn.verbs.workspace import Workspace, stored_evaluation


def promote(project: Workspace, reference: str, reason: str) -> HistoryEntry:
    """Make a gated version the champion, if its files load and answer as recorded.

    Raises:
        NotFound, NotGated, Conflict, IntegrityError, BundleError.
    """
    version = references.version(project, reference)
    load_version(project, version)
    return promotion.promote(project.store, version, actor=project.owner, reason=reason)


def rollback(project: Workspace, to: int | None, reason: str) -> HistoryEntry:
    """Make an earlier champion the champion again, once it has been loaded and probed.

    Raises:
        NotFound: there is none to go back to.
        IntegrityError, BundleError: it does not load, or answers otherwise than recorded.
    """
    number = promotion.rollback_target(project.store, to)
    version = versions.version(project.store, str(number))
    load_version(project, version)
    return promotion.roll_back(project.store, version, actor=project.owner, reason=reason)


def load_version(project: Workspace, version: ModelVersion) -> Predictor:
    """A verified predictor that answers its recorded probe rows as it did when trained.

    Raises:
        IntegrityError: a file was changed; or signatures are asked for, and that of the version
            does not hold.
        BundleError: it does not load, or answers otherwise.
    """
    folder, record = _files(project, version)
    predictor = project.subject.load(folder)
    differing = bundle.probe(predictor, record)
    if differing:
        raise BundleError(f"version {version.version}: {differing[0]}; the champion was not moved")
    return predictor


def champion(project: Workspace) -> tuple[ModelVersion, Predictor]:
    """The champion, loaded.

    Raises:
        NotFound: nothing was promoted yet.
        IntegrityError: a file was changed; or signatures are asked for, and its own does not hold.
    """
    number = promotion.settle(project.store)
    if number is None:
        raise NotFound("there is no champion yet; `fullturn turn` makes one")
    version = versions.version(project.store, str(number))
    folder, _ = _files(project, version)
    return version, project.subject.load(folder)


def _files(project: Workspace, version: ModelVersion) -> tuple[Path, Mapping[str, Any]]:
    """The files and the record of a version, verified as far as the project asks for it."""
    folder, record = versions.files(project.store, version)
    if project.settings.serving.signed:
        require(project, version, folder)
    return folder, record


def reproduce(project: Workspace, reference: str) -> reproduction.Reproduction:
    """Train a version again from its record and compare.

    Raises:
        NotFound: the version, its run or its evaluation is not there.
        IntegrityError: its dataset version has changed.
    """
    version = references.version(project, reference)
    original = project.store.run(version.run_id)
    _, record = versions.files(project.store, version)
    repeated = train_one(
        project,
        record["params"],
        name=f"reproduction of version {version.version}",
        version=int(record["data"]),
        seed=int(record["seed"]),
        tags={KIND: "reproduction"},  # no candidate for a gate
    )
    stored = stored_evaluation(project, original.id, VALIDATION)
    return reproduction.compare(original, repeated.run, stored, repeated.race.evaluation)
