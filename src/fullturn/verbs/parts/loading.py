"""Load a registered version; verify its signature if the project requires it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import BundleError, IntegrityError, NotFound, SettingsError
from fullturn.evidence.signing import require_library
from fullturn.registry import promotion, versions
from fullturn.subjects import bundle
from fullturn.subjects.protocols import Predictor
from fullturn.verbs.parts import references
from fullturn.verbs.workspace import Workspace


def load_version(project: Workspace, version: ModelVersion) -> Predictor:
    """A verified predictor that reproduces the recorded outputs of its probe rows.

    Raises:
        IntegrityError: a file was changed, or a required signature is invalid.
        BundleError: it does not load, or its outputs differ.
    """
    return load_recorded(project, version)[0]


def load_recorded(project: Workspace, version: ModelVersion) -> tuple[Predictor, Mapping[str, Any]]:
    """The same, and the record of its bundle.

    Raises:
        IntegrityError, BundleError: as above.
    """
    folder, record = _files(project, version)
    predictor = project.subject.load(folder)
    differing = bundle.probe(predictor, record)
    if differing:
        raise BundleError(f"version {version.version}: {differing[0]}; the champion was not moved")
    return predictor, record


def champion(project: Workspace) -> tuple[ModelVersion, Predictor]:
    """The champion, loaded.

    Raises:
        NotFound: nothing was promoted yet.
        IntegrityError: a file was changed, or a required signature is invalid.
    """
    number = promotion.sync_alias(project.store)
    if number is None:
        raise NotFound("there is no champion yet; run `fullturn turn`")
    version = versions.version(project.store, str(number))
    folder, _ = _files(project, version)
    return version, project.subject.load(folder)


def chosen(project: Workspace, reference: str | int | None) -> tuple[ModelVersion, Predictor]:
    """A version, loaded; without a reference, the champion. Raises as those two do."""
    if reference is None:
        return champion(project)
    found = references.version(project, reference)
    return found, load_version(project, found)


def require_signature(project: Workspace, version: ModelVersion, files: Path) -> None:
    """Make sure that the evidence of a version is signed, and about the bundle in `files`.

    Raises:
        IntegrityError: it is not, or there is no evidence.
        SettingsError: [signing] has method = 'none', or is wrong.
        CouldNotEvaluate: MLflow or Sigstore is unreachable, or the public key is missing.
    """
    from fullturn.verbs.parts import evidence_queries

    if project.settings.signing.method == "none":
        raise SettingsError(
            "[serving] signed = true requires signatures, but [signing] has method = 'none'; "
            "change one of them"
        )
    require_library(project.settings.signing, needed=True)
    try:
        with TemporaryDirectory() as place:
            folder = evidence_queries.fetch_evidence(project, version, Path(place))
            subject = evidence_queries.CheckedVersion(project, version, folder, lambda: files)
            for query in (
                evidence_queries.signature,
                evidence_queries.identity,
                evidence_queries.manifest,
            ):
                query(subject)
    except (IntegrityError, NotFound) as error:
        raise IntegrityError(
            f"version {version.version} may not be used here, as [serving] signed = true: "
            f"{error}; see `fullturn verify {version.version}`"
        ) from error


def _files(project: Workspace, version: ModelVersion) -> tuple[Path, Mapping[str, Any]]:
    """The files and the record of a version, with its signature verified if required."""
    folder, record = versions.files(project.store, version)
    if project.settings.serving.signed:
        require_signature(project, version, folder)
    return folder, record
