"""What there is to look at in the evidence of a version: one function for each thing.

Each says what it found, or raises: Refused if it does not hold, CouldNotEvaluate or NotFound if
it cannot be told, NotAsked if there is nothing to look at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.core.wording import listed
from fullturn.evidence import folder as evidence_folder
from fullturn.evidence import sbom, signing
from fullturn.gates import report as reports
from fullturn.subjects import bundle
from fullturn.tracking.provenance import git
from fullturn.verbs.register import FOLDER, disk_folder, signer
from fullturn.verbs.workspace import Workspace

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class NotAsked(Exception):
    """There is nothing to check here."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A version whose evidence is looked at."""

    project: Workspace
    version: ModelVersion
    folder: Path
    """The evidence, as MLflow has it."""
    fetched: Callable[[], Path]
    """The bundle's folder."""

    @property
    def gate(self) -> str:
        """The run that holds the evidence: of the gate that it passed."""
        return VersionTags.read(self.version.tags).evidence or ""

    def record(self) -> dict[str, object]:
        """What `run.json` states."""
        return evidence_folder.read_json(self.folder, evidence_folder.RUN)


def kept(project: Workspace, version: ModelVersion, place: Path) -> Path:
    """The evidence as MLflow has it, put into `place`.

    Raises:
        NotFound, IntegrityError: there is none.
    """
    run = VersionTags.read(version.tags).evidence
    if run is None:
        raise IntegrityError(
            f"there is no evidence of version {version.version}: `fullturn gate "
            f"{version.version}` looks at it again, and writes it"
        )
    return project.store.get(run, FOLDER, place)


def whole(subject: Subject) -> str:
    """That every file is there."""
    lacking = evidence_folder.lacking(subject.folder)
    if lacking:
        raise IntegrityError(f"not there: {listed(lacking)}")
    return f"{len(evidence_folder.CONTENTS)} files in run {subject.gate}"


def signature(subject: Subject) -> str:
    """Whose signature holds."""
    to = signer(subject.project)
    if to.settings.method == "none":
        raise NotAsked("method = 'none' in [signing]")
    return f"holds for every file; {signing.check(subject.folder, to)}"


def about_it(subject: Subject) -> str:
    """That the folder is about this version, and not another one's, signed as well."""
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
            f"the evidence is about {name} {stated.get(name)}, and this is {expected[name]}"
        )
    return f"{version.name} version {version.version}, run {version.run_id}"


def manifest(subject: Subject) -> str:
    """That the bundle's own manifest is the one that was signed."""
    try:
        signed = (subject.folder / evidence_folder.MANIFEST).read_bytes()
        own = (subject.fetched() / bundle.MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError(f"{error.filename} is missing") from None
    if signed != own:
        raise IntegrityError("the bundle has another manifest than the evidence: it was swapped")
    digest = hashlib.sha256(signed).hexdigest()
    if digest != VersionTags.read(subject.version.tags).bundle:
        raise IntegrityError(f"its sha256 is {digest[:12]}, and another one is on record")
    return f"the bundle's own, sha256 {digest[:12]}"


def bundle_files(version: ModelVersion, fetched: Callable[[], Path]) -> str:
    """That every file of the bundle is as its manifest says."""
    folder = fetched()
    bundle.verify(folder, VersionTags.read(version.tags).bundle)
    manifest = evidence_folder.read_json(folder, bundle.MANIFEST)
    return f"{len(manifest)} files, each with its sha256"


def gate_report(subject: Subject) -> str:
    """That the gate passed, with the report that its run holds, and looked at this run."""
    texts = {name: subject.folder / name for name in evidence_folder.REPORTS}
    for name, path in texts.items():
        if not path.is_file():
            raise IntegrityError(f"'{name}' is missing")
        if path.read_bytes() != subject.project.store.get(subject.gate, name).read_bytes():
            raise IntegrityError(f"'{name}' is not the one of the gate's run {subject.gate}")
    report = reports.from_json(texts[evidence_folder.REPORTS[0]].read_text("utf-8", "replace"))
    if report.outcome != "PASSED":
        raise IntegrityError(f"the gate ended {report.outcome}")
    if report.subject != subject.version.run_id:
        raise IntegrityError(f"it is about run {report.subject}")
    return f"sealed, PASSED, about this run; {len(report.results)} checks"


def record_of_run(subject: Subject) -> str:
    """That MLflow still says of the run what it said then."""
    run = subject.project.store.run(subject.version.run_id)
    now, stated = (
        evidence_folder.of_run(run, TrainingTags.read(run.tags).data_digest),
        subject.record(),
    )
    changed = [name for name, value in now.items() if stated.get(name) != value]
    if changed:
        raise IntegrityError(f"MLflow has other {listed(changed)} of the run than it had")
    return f"MLflow has the same parameters, scores and data of run '{run.name}'"


def rows(subject: Subject) -> str:
    """That the dataset version, if the table here has it, holds the rows that were trained on."""
    from fullturn.data import tables

    digest = str(subject.record().get("data_digest"))
    head = tables.head(subject.project.table)
    known = [record for record in head.records if record.version.digest == digest]
    if not known:
        held = f"{len(head.records)} other versions" if head.records else "nothing"
        raise NotAsked(f"digest {digest[:12]} is not in the table here, which holds {held}")
    rows = tables.rows(head, known[0])
    return f"version {known[0].version.version} here: {len(rows)} rows, digest {digest[:12]}"


def materials(subject: Subject) -> str:
    """That the bill of materials is one, of this bundle."""
    path = subject.folder / evidence_folder.SBOM
    if not path.is_file():
        raise IntegrityError(f"'{evidence_folder.SBOM}' is missing")
    stated = sbom.read(path.read_text(encoding="utf-8", errors="replace"))
    if stated.digest != VersionTags.read(subject.version.tags).bundle:
        raise IntegrityError(f"they are of another bundle, {stated.digest[:12]}")
    return f"CycloneDX 1.6, {stated.components} components"


def commit_known(subject: Subject) -> str:
    """That Git here has the commit."""
    root, stated = (
        subject.project.root,
        evidence_folder.read_json(subject.folder, evidence_folder.GIT),
    )
    commit = str(stated.get("commit") or "")
    if not commit:
        raise NotAsked("it was not under Git")
    if git(root, "rev-parse", "--git-dir") is None:
        raise NotAsked(f"commit {commit[:12]}; there is no Git here")
    if not _COMMIT.fullmatch(commit):
        raise IntegrityError(f"'{commit[:40]}' is no commit")
    if git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        raise CouldNotEvaluate(f"Git does not know commit {commit[:12]} here; fetch it and see")
    changes = ", with changes that are in no commit" if stated.get("dirty") else ""
    return f"Git knows commit {commit[:12]}{changes}"


def copy_on_disk(subject: Subject) -> str:
    """That the copy on disk is MLflow's."""
    folder = disk_folder(subject.project, subject.version.version)
    if not folder.is_dir():
        raise NotAsked("none here")
    here, there = _contents(folder), _contents(subject.folder)
    differing = sorted(name for name in here.keys() | there if here.get(name) != there.get(name))
    if differing:
        raise IntegrityError(f"{folder} differs from MLflow's: {listed(differing)}")
    return "the same, byte by byte"


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
