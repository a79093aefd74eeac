"""Register a candidate that passed its gate, and write, sign and store its evidence.

Before the registration, a note on disk records that evidence is due. After a crash, the next
process finds the note and completes the evidence. Without a note nothing is signed: evidence that
was deleted is not created again for a bundle that no gate has just checked.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from fullturn.core.entities import GateReport, ModelVersion, RunRecord
from fullturn.core.errors import IntegrityError, Refused
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.evidence import folder as evidence_folder
from fullturn.evidence import signing
from fullturn.evidence.inputs import EvidenceInputs
from fullturn.registry import versions
from fullturn.verbs.parts.evidence_inputs import evidence_inputs
from fullturn.verbs.parts.sealing import signer
from fullturn.verbs.workspace import Workspace

FOLDER = "evidence"
"""Folder of the evidence: in the artifacts of the gate's run, and in the project's state."""


@dataclass(frozen=True, slots=True)
class _Due:
    """Evidence that is still to be written: digest of the bundle, run of the gate."""

    bundle: str
    gate: str


def register(
    project: Workspace, candidate: RunRecord, report: GateReport, gate_run: str
) -> ModelVersion:
    """Register a run's bundle as the next model version, with signed evidence.

    If the run is registered already, its version and evidence remain.

    Raises:
        SettingsError: the evidence could not be signed; nothing was registered.
        NotGated, IntegrityError, BundleError: see `versions.register`.
        CouldNotEvaluate: the evidence is incomplete; the next gate or turn completes it.
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
    """Write the evidence of a version if it is due; returns the updated version.

    Raises:
        IntegrityError: the bundle is not the one that was gated.
        CouldNotEvaluate: MLflow or Sigstore is unreachable.
    """
    note = _note(project, version.run_id)
    if not note.exists():
        return version
    due = _Due(**json.loads(note.read_text(encoding="utf-8")))
    tags = VersionTags.read(version.tags)
    if tags.evidence is None:
        if due.bundle != tags.bundle:
            raise IntegrityError(
                f"version {version.version} has another bundle than the gate checked; train again"
            )
        folder = _write(project, evidence_inputs(project, version, due.gate))
        project.store.put(due.gate, folder, FOLDER)
        tag = VersionTags(evidence=due.gate).write()
        project.store.tag_version(version.name, version.version, tag)
        version = replace(version, tags={**version.tags, **tag})
    note.unlink(missing_ok=True)
    return version


def disk_folder(project: Workspace, version: int) -> Path:
    """Folder of the local copy of the evidence of a version."""
    return project.state / FOLDER / f"version-{version}"


def _note(project: Workspace, run: str) -> Path:
    return project.state / FOLDER / "due" / f"{run}.json"


def _write(project: Workspace, inputs: EvidenceInputs) -> Path:
    """Write and sign the local copy; atomic."""
    folder = disk_folder(project, inputs.version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as place:
        made = Path(place) / folder.name
        evidence_folder.write(made, evidence_folder.contents(inputs))
        signing.sign(made, signer(project))
        _put_in_place(made, folder)
    return folder


def _put_in_place(made: Path, folder: Path) -> None:
    if folder.exists():  # of an attempt that ended before it reached MLflow
        shutil.rmtree(folder, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # Another process was first, with the same contents and its own signature.
