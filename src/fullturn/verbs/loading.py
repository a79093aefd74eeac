"""Load a registered version, verified as far as the project asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import BundleError, NotFound
from fullturn.registry import promotion, versions
from fullturn.subjects import bundle
from fullturn.subjects.protocols import Predictor
from fullturn.verbs.workspace import Workspace


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
    number = promotion.sync_alias(project.store)
    if number is None:
        raise NotFound("there is no champion yet; `fullturn turn` makes one")
    version = versions.version(project.store, str(number))
    folder, _ = _files(project, version)
    return version, project.subject.load(folder)


def _files(project: Workspace, version: ModelVersion) -> tuple[Path, Mapping[str, Any]]:
    """The files and the record of a version, verified as far as the project asks for it."""
    folder, record = versions.files(project.store, version)
    if project.settings.serving.signed:
        from fullturn.verbs.verify import require

        require(project, version, folder)
    return folder, record
