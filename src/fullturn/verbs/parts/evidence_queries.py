"""Queries on the evidence of a version, one function each.

Each returns what it found, or raises: Refused if the evidence is invalid, CouldNotEvaluate or
NotFound if it cannot be checked, NotApplicable if there is nothing to check.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.records import REPORTS
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.core.wording import listed
from fullturn.evidence import folder as evidence_folder
from fullturn.evidence import sbom, signing
from fullturn.gates import report as reports
from fullturn.registry import versions
from fullturn.subjects import bundle
from fullturn.tracking.provenance import git
from fullturn.verbs.parts.register import FOLDER, disk_folder
from fullturn.verbs.parts.sealing import broken_seal, sealed_history, signer
from fullturn.verbs.workspace import Workspace

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class NotApplicable(Exception):
    """There is nothing to check here."""


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """A version whose evidence is checked."""

    project: Workspace
    version: ModelVersion
    folder: Path
    """The evidence that is stored in MLflow."""
    fetch_bundle: Callable[[], Path]
    """Gives the bundle's folder."""

    @property
    def gate(self) -> str:
        """The run with the evidence: that of the gate that the version passed."""
        return VersionTags.read(self.version.tags).evidence or ""

    def record(self) -> dict[str, object]:
        """Content of `run.json`."""
        return evidence_folder.read_json(self.folder, evidence_folder.RUN)


def fetch_evidence(project: Workspace, version: ModelVersion, place: Path) -> Path:
    """The evidence from MLflow, copied into `place`.

    Raises:
        NotFound, IntegrityError: there is none.
    """
    tags = VersionTags.read(version.tags)
    run = tags.evidence
    if run is None and tags.outcome == versions.ADOPTED:
        raise IntegrityError(
            f"version {version.version} was adopted: {tags.refers_to} was champion before this "
            f"project, and no gate decided on it; `fullturn gate {version.version}` evaluates it "
            "and, if it passes, writes the evidence"
        )
    if run is None:
        raise IntegrityError(
            f"version {version.version} has no evidence; `fullturn gate {version.version}` checks "
            "it again and writes the evidence"
        )
    return project.store.get(run, FOLDER, place)


def all_files(subject: CheckedVersion) -> str:
    """Every file exists."""
    lacking = evidence_folder.lacking(subject.folder)
    if lacking:
        raise IntegrityError(f"missing: {listed(lacking)}")
    return f"{len(evidence_folder.CONTENTS)} files in run {subject.gate}"


def signature(subject: CheckedVersion) -> str:
    """The signature is valid; says whose it is."""
    to = signer(subject.project)
    if to.settings.method == "none":
        raise NotApplicable("method = 'none' in [signing]")
    if signing.is_unsigned_by_default(to.settings) and not signing.has_signature(subject.folder):
        raise NotApplicable(f"the evidence is not signed: {signing.UNSIGNED}")
    return f"valid for every file; {signing.check(subject.folder, to)}"


def identity(subject: CheckedVersion) -> str:
    """The evidence is about this version, and not a signed copy of another version's."""
    version, stated = subject.version, subject.record()
    expected = {
        "model": version.name,
        "version": version.version,
        "run": version.run_id,
        "bundle": VersionTags.read(version.tags).bundle,
        "gate": subject.gate,
    }
    wrong = [name for name, value in expected.items() if stated.get(name) != value]
    if wrong:
        name = wrong[0]
        raise IntegrityError(
            f"the evidence is about {name} {stated.get(name)}, but this is {expected[name]}"
        )
    return f"{version.name} version {version.version}, run {version.run_id}"


def promotions(project: Workspace, version: ModelVersion) -> str:
    """Its entries in the history are as they were written."""
    entries = [
        one
        for one in sealed_history(project).entries
        if one.version == version.version or one.run == version.run_id
    ]
    broken = [sentence for one in entries if (sentence := broken_seal(one))]
    if broken:
        raise IntegrityError("; ".join(broken))
    effective = [one for one in entries if one.effective]
    if not effective:
        raise NotApplicable("it never was champion")
    names = listed([f"{one.number} ({one.action})" for one in effective])
    unknown = [str(one.number) for one in effective if one.seal == "unknown key"]
    if unknown:
        raise CouldNotEvaluate(
            f"the signature of entry {listed(unknown)} is of a key that is not here: name its "
            "public key in [signing]"
        )
    word = "entry" if len(effective) == 1 else "entries"
    if any(one.seal == "unsigned" for one in effective):
        return f"{word} {names}: unsigned, and as the entries after it state"
    return f"{word} {names}: signed and unchanged"


def manifest(subject: CheckedVersion) -> str:
    """The bundle's manifest is the one that was signed."""
    try:
        signed = (subject.folder / evidence_folder.MANIFEST).read_bytes()
        own = (subject.fetch_bundle() / bundle.MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError(f"{error.filename} is missing") from None
    if signed != own:
        raise IntegrityError("the bundle's manifest is not the signed one: the bundle was replaced")
    digest = hashlib.sha256(signed).hexdigest()
    if digest != VersionTags.read(subject.version.tags).bundle:
        raise IntegrityError(f"its sha256 is {digest[:12]}, not the recorded one")
    return f"the bundle's manifest, sha256 {digest[:12]}"


def bundle_files(version: ModelVersion, fetch_bundle: Callable[[], Path]) -> str:
    """Every file of the bundle matches its manifest."""
    folder = fetch_bundle()
    bundle.verify(folder, VersionTags.read(version.tags).bundle)
    manifest = evidence_folder.read_json(folder, bundle.MANIFEST)
    return f"{len(manifest)} files match their sha256"


def gate_report(subject: CheckedVersion) -> str:
    """The gate passed, its report is the stored one, and it is about this run."""
    texts = {name: subject.folder / name for name in REPORTS}
    for name, path in texts.items():
        if not path.is_file():
            raise IntegrityError(f"'{name}' is missing")
        if path.read_bytes() != subject.project.store.get(subject.gate, name).read_bytes():
            raise IntegrityError(f"'{name}' differs from that of the gate's run {subject.gate}")
    report = reports.from_json(texts[REPORTS[0]].read_bytes())
    if report.outcome != "PASSED":
        raise IntegrityError(f"the gate ended {report.outcome}")
    if report.subject != subject.version.run_id:
        raise IntegrityError(f"it is about run {report.subject}")
    return f"unchanged, PASSED, about this run; {len(report.results)} checks"


def run_record(subject: CheckedVersion) -> str:
    """The run in MLflow is unchanged."""
    run = subject.project.store.run(subject.version.run_id)
    now, stated = (
        evidence_folder.of_run(run, TrainingTags.read(run.tags).data_digest),
        subject.record(),
    )
    changed = [name for name, value in now.items() if stated.get(name) != value]
    if changed:
        raise IntegrityError(f"{listed(changed)} of the run changed in MLflow")
    return f"parameters, scores and data of run '{run.name}' are unchanged in MLflow"


def data_rows(subject: CheckedVersion) -> str:
    """The dataset version, if it is in this table, has the rows that were trained on."""
    from fullturn.data import tables

    digest = str(subject.record().get("data_digest"))
    head = tables.head(subject.project.table)
    known = [record for record in head.records if record.version.digest == digest]
    if not known:
        others = f"{len(head.records)} other versions" if head.records else "no version"
        raise NotApplicable(f"digest {digest[:12]} is not in this table, which has {others}")
    rows = tables.rows(head, known[0])
    return (
        f"version {known[0].version.version} of this table: {len(rows)} rows, digest {digest[:12]}"
    )


def bill_of_materials(subject: CheckedVersion) -> str:
    """The bill of materials is valid, and of this bundle."""
    path = subject.folder / evidence_folder.SBOM
    if not path.is_file():
        raise IntegrityError(f"'{evidence_folder.SBOM}' is missing")
    stated = sbom.read(path.read_text(encoding="utf-8", errors="replace"))
    if stated.digest != VersionTags.read(subject.version.tags).bundle:
        raise IntegrityError(f"it is of another bundle, {stated.digest[:12]}")
    return f"CycloneDX 1.6, {stated.components} components"


def commit(subject: CheckedVersion) -> str:
    """Git has the commit."""
    root, stated = (
        subject.project.root,
        evidence_folder.read_json(subject.folder, evidence_folder.GIT),
    )
    commit = str(stated.get("commit") or "")
    if not commit:
        raise NotApplicable("it was not in Git")
    if git(root, "rev-parse", "--git-dir") is None:
        raise NotApplicable(f"commit {commit[:12]}; this folder is not in Git")
    if not _COMMIT.fullmatch(commit):
        raise IntegrityError(f"'{commit[:40]}' is not a commit")
    if git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        raise CouldNotEvaluate(f"commit {commit[:12]} is not in this clone; fetch it and try again")
    changes = ", with uncommitted changes" if stated.get("dirty") else ""
    return f"commit {commit[:12]} is in this clone{changes}"


def local_copy(subject: CheckedVersion) -> str:
    """The local copy equals the one in MLflow."""
    folder = disk_folder(subject.project, subject.version.version)
    if not folder.is_dir():
        raise NotApplicable("there is none")
    here, stored = _contents(folder), _contents(subject.folder)
    differing = sorted(name for name in here.keys() | stored if here.get(name) != stored.get(name))
    if differing:
        raise IntegrityError(f"{folder} differs from the evidence in MLflow: {listed(differing)}")
    return "identical"


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
