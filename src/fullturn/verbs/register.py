"""Register what passed its gate, with its evidence: written, signed, stored, and only then named.

A note on disk says which run's evidence is due, before the version is registered. Whoever comes
next finds it and goes on; without a note nothing is signed, so that evidence which was taken away
is not made again for a bundle that no gate has just seen.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from fullturn.core.entities import GateReport, ModelVersion, RunRecord
from fullturn.core.errors import IntegrityError, LLMUnavailable, NotFound, Refused
from fullturn.core.records import ENVIRONMENT
from fullturn.core.settings import LLMSettings
from fullturn.core.tags import GateTags, OriginTags, TrainingTags, VersionTags
from fullturn.evidence import folder as evidence_folder
from fullturn.evidence import signing
from fullturn.evidence.inputs import EvidenceInputs, Repository
from fullturn.evidence.keys import Signer
from fullturn.evidence.sbom import Asked
from fullturn.gates import report as reports
from fullturn.registry import versions
from fullturn.subjects import bundle
from fullturn.tracking.provenance import git
from fullturn.verbs.ci.checkout import BRANCHES
from fullturn.verbs.data_origin import data_difference, data_of
from fullturn.verbs.workspace import Workspace

FOLDER = "evidence"
"""Of the artifacts of the gate's run, and in the project's state."""


@dataclass(frozen=True, slots=True)
class _Due:
    """Evidence that is to be written: of which bundle, and of which gate."""

    bundle: str
    gate: str


def signer(project: Workspace) -> Signer:
    """How the project signs."""
    return Signer(project.settings.signing, project.root, project.state)


def register(
    project: Workspace, candidate: RunRecord, report: GateReport, gate_run: str
) -> ModelVersion:
    """Make a run's bundle the next model version, with signed evidence.

    A run that is registered already keeps its version, and the evidence that this has.

    Raises:
        SettingsError: it could not be signed; nothing was registered.
        NotGated, IntegrityError, BundleError: see `versions.register`.
        CouldNotEvaluate: the evidence is not whole yet; another gate or turn completes it.
    """
    signing.ready(signer(project))
    note = _note(project, candidate.id)
    note.parent.mkdir(parents=True, exist_ok=True)
    due = {"bundle": TrainingTags.read(candidate.tags).bundle or "", "gate": gate_run}
    note.write_text(json.dumps(due), encoding="utf-8")
    try:
        version = versions.register(project.store, candidate, report, gate_run)
    except Refused:
        note.unlink()
        raise
    return complete(project, version)


def complete(project: Workspace, version: ModelVersion) -> ModelVersion:
    """Write the evidence of a version if it is due; the version as it is then.

    Raises:
        IntegrityError: the bundle is another one than was gated.
        CouldNotEvaluate: MLflow, or Sigstore, does not answer.
    """
    note = _note(project, version.run_id)
    if not note.exists():
        return version
    due = _Due(**json.loads(note.read_text(encoding="utf-8")))
    tags = VersionTags.read(version.tags)
    if tags.evidence is None:
        if due.bundle != tags.bundle:
            raise IntegrityError(
                f"version {version.version} has another bundle than the gate saw; train again"
            )
        folder = _written(project, _facts(project, version, due.gate))
        project.store.put(due.gate, folder, FOLDER)
        tag = VersionTags(evidence=due.gate).write()
        project.store.tag_version(version.name, version.version, tag)
        version = replace(version, tags={**version.tags, **tag})
    note.unlink(missing_ok=True)
    return version


def disk_folder(project: Workspace, version: int) -> Path:
    """Where the copy on disk is."""
    return project.state / FOLDER / f"version-{version}"


def _note(project: Workspace, run: str) -> Path:
    return project.state / FOLDER / "due" / f"{run}.json"


def _written(project: Workspace, facts: EvidenceInputs) -> Path:
    """The signed folder on disk: whole, or not there."""
    folder = disk_folder(project, facts.version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as place:
        made = Path(place) / folder.name
        evidence_folder.write(made, evidence_folder.contents(facts))
        signing.sign(made, signer(project))
        _put_in_place(made, folder)
    return folder


def _put_in_place(made: Path, folder: Path) -> None:
    if folder.exists():  # of an attempt that was cut off before it reached MLflow
        shutil.rmtree(folder, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # Another process was first, with the same contents and a signature of its own.


def _facts(project: Workspace, version: ModelVersion, gate: str) -> EvidenceInputs:
    store = project.store
    run = store.run(version.run_id)
    folder, _ = versions.files(store, version)
    kept = {name: store.get(gate, name).read_bytes() for name in evidence_folder.REPORTS}
    report = reports.from_json(kept[evidence_folder.REPORTS[0]].decode())
    return EvidenceInputs(
        model=version.name,
        version=version.version,
        app=project.settings.app,
        bundle=VersionTags.read(version.tags).bundle or "",
        manifest=(folder / bundle.MANIFEST).read_bytes(),
        run=run,
        gate=gate,
        report=report,
        reports=kept,
        environment=_environment(project, run),
        data=data_of(project, run),
        difference=data_difference(project, run, GateTags.read(store.run(gate).tags).champion),
        code=_repository(project, run),
        llm=_llm(project, run),
        card=project.settings.card,
    )


def _environment(project: Workspace, run: RunRecord) -> str:
    try:
        return project.store.get(run.id, ENVIRONMENT).read_text(encoding="utf-8")
    except NotFound:  # trained before environments were kept: the bill lists the model alone
        return ""


def _repository(project: Workspace, run: RunRecord) -> Repository:
    root, named = project.root, (os.environ.get(name) for name in BRANCHES)
    remote = git(root, "remote", "get-url", "origin")
    origin = OriginTags.read(run.tags)
    return Repository(
        commit=origin.commit,
        dirty=bool(origin.dirty),
        diff_digest=origin.diff,
        branch=next(filter(None, named), git(root, "symbolic-ref", "--short", "--quiet", "HEAD")),
        remote=_without_credentials(remote) if remote else None,
    )


def _without_credentials(remote: str) -> str:
    scheme, separator, rest = remote.partition("://")
    host, slash, path = rest.partition("/")
    if not separator:  # git@host:path names an account that everybody uses, and no secret
        return remote
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def _llm(project: Workspace, run: RunRecord) -> Asked | None:
    """The LLM that the model asks: one that registered a prompt asks one."""
    if not OriginTags.read(run.tags).prompts:
        return None
    settings = project.settings.llm
    if settings.base_url:
        return Asked(settings.model, None, None, None)
    return _embedded()


def _embedded() -> Asked:
    from fullturn.llm import embedded

    try:
        weights, digest = embedded.weights_file(), embedded.weights_digest()
    except LLMUnavailable:  # every answer that the gate judged came from the cache
        return Asked(LLMSettings().model, None, None, None)
    name = weights.parent.name.replace("_", "-")
    return Asked(weights.name, _version_of(name), name, digest)


def _version_of(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
