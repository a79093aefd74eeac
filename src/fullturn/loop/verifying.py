"""Does the evidence of a version hold? Each thing that is checked, with what was found.

MLflow's copy is what counts. Nothing in the folder is believed before its signature holds, and
no signature before the folder is shown to be about this version and this bundle: an untouched
folder of another version is signed as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from fullturn.apps import bundle
from fullturn.delivery import evidence, sbom, signing
from fullturn.entities import ModelVersion, Outcome
from fullturn.errors import CouldNotEvaluate, IntegrityError, NotFound, Refused, SettingsError
from fullturn.experiments.provenance import git
from fullturn.gates import report as reports
from fullturn.loop.evidence import FOLDER, disk_folder, signer
from fullturn.loop.origin import DATA
from fullturn.loop.project import Project
from fullturn.registry import versions
from fullturn.registry.versions import DIGEST, EVIDENCE
from fullturn.wording import listed

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; INCONCLUSIVE if it could not be."""

    name: str
    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A version, and all that was checked about it."""

    version: int
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """FAILED if one thing does not hold, INCONCLUSIVE if one could not be checked."""
        found = {finding.outcome for finding in self.findings}
        if "FAILED" in found:
            return "FAILED"
        return "INCONCLUSIVE" if "INCONCLUSIVE" in found else "PASSED"


class _NotAsked(Exception):
    """There is nothing to check here."""


@dataclass(frozen=True, slots=True)
class _Subject:
    project: Project
    version: ModelVersion
    folder: Path
    """The evidence, as MLflow has it."""
    fetched: Callable[[], Path]
    """The bundle's folder."""

    @property
    def gate(self) -> str:
        return self.version.tags[EVIDENCE]

    def record(self) -> dict[str, object]:
        return evidence.read_json(self.folder, evidence.RUN)


def verify(project: Project, reference: str) -> Verified:
    """Check everything about the evidence of a version.

    Raises:
        NotFound: there is no such version.
        SettingsError: a setting of [signing] is missing or wrong.
        StoreUnavailable: MLflow does not answer.
    """
    version = versions.version(project.store, reference)
    fetched = cache(partial(project.store.fetch_model, version.source))
    with TemporaryDirectory() as place:
        try:
            folder = _folder(project, version, Path(place))
        except (NotFound, IntegrityError) as error:
            absent = Finding("evidence", "INCONCLUSIVE", str(error))
            files = _judged("bundle files", partial(_files, version, fetched))
            return Verified(version.version, (absent, files))
        subject = _Subject(project, version, folder, fetched)
        return Verified(version.version, tuple(_findings(subject)))


def require(project: Project, version: ModelVersion, files: Path) -> None:
    """Make sure that a version's signed evidence holds for its bundle, verified in `files`.

    Raises:
        IntegrityError: it does not, or there is none.
        SettingsError: signatures are asked for, and [signing] does without, or is wrong.
        CouldNotEvaluate: MLflow or Sigstore does not answer, or there is no key to check with.
    """
    if project.settings.signing.method == "none":
        raise SettingsError(
            "[serving] signed = true asks for signatures, and method = 'none' in [signing] makes "
            "none; change one of them"
        )
    try:
        with TemporaryDirectory() as place:
            folder = _folder(project, version, Path(place))
            subject = _Subject(project, version, folder, lambda: files)
            for look in (_signature, _version, _manifest):
                look(subject)
    except (IntegrityError, NotFound) as error:
        raise IntegrityError(
            f"version {version.version} may not be used here, for [serving] signed = true: "
            f"{error}; see `fullturn verify {version.version}`"
        ) from error


def _findings(subject: _Subject) -> Iterator[Finding]:
    looks: dict[str, Callable[[], str]] = {
        "evidence": partial(_complete, subject),
        "signature": partial(_signature, subject),
        "version": partial(_version, subject),
        "manifest": partial(_manifest, subject),
        "bundle files": partial(_files, subject.version, subject.fetched),
        "gate report": partial(_report, subject),
        "run": partial(_run, subject),
        "data": partial(_data, subject),
        "materials": partial(_materials, subject),
        "code": partial(_code, subject),
        "copy on disk": partial(_copy, subject),
    }
    for name, look in looks.items():
        yield _judged(name, look)


def _judged(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "PASSED", look())
    except _NotAsked as reason:
        return Finding(name, "NOT_APPLICABLE", str(reason))
    except Refused as error:
        return Finding(name, "FAILED", str(error))
    except (CouldNotEvaluate, NotFound) as error:
        return Finding(name, "INCONCLUSIVE", str(error))


def _folder(project: Project, version: ModelVersion, place: Path) -> Path:
    """The evidence as MLflow has it, put into `place`.

    Raises:
        NotFound, IntegrityError: there is none.
    """
    if EVIDENCE not in version.tags:
        raise IntegrityError(
            f"there is no evidence of version {version.version}: `fullturn gate "
            f"{version.version}` looks at it again, and writes it"
        )
    return project.store.get(version.tags[EVIDENCE], FOLDER, place)


def _complete(subject: _Subject) -> str:
    lacking = evidence.lacking(subject.folder)
    if lacking:
        raise IntegrityError(f"not there: {listed(lacking)}")
    return f"{len(evidence.CONTENTS)} files in run {subject.gate}"


def _signature(subject: _Subject) -> str:
    to = signer(subject.project)
    if to.settings.method == "none":
        raise _NotAsked("method = 'none' in [signing]")
    return f"holds for every file; {signing.check(subject.folder, to)}"


def _version(subject: _Subject) -> str:
    """That the folder is about this version, and not another one's, signed as well."""
    version, stated = subject.version, subject.record()
    expected = {
        "model": version.name,
        "version": version.version,
        "run": version.run_id,
        "bundle": version.tags.get(DIGEST),
        "gate": subject.gate,
    }
    wrong = [name for name, value in expected.items() if stated.get(name) != value]
    if wrong:
        name = wrong[0]
        raise IntegrityError(
            f"the evidence is about {name} {stated.get(name)}, and this is {expected[name]}"
        )
    return f"{version.name} version {version.version}, run {version.run_id}"


def _manifest(subject: _Subject) -> str:
    try:
        signed = (subject.folder / evidence.MANIFEST).read_bytes()
        own = (subject.fetched() / bundle.MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError(f"{error.filename} is missing") from None
    if signed != own:
        raise IntegrityError("the bundle has another manifest than the evidence: it was swapped")
    digest = hashlib.sha256(signed).hexdigest()
    if digest != subject.version.tags.get(DIGEST):
        raise IntegrityError(f"its sha256 is {digest[:12]}, and another one is on record")
    return f"the bundle's own, sha256 {digest[:12]}"


def _files(version: ModelVersion, fetched: Callable[[], Path]) -> str:
    folder = fetched()
    bundle.verify(folder, version.tags.get(DIGEST))
    manifest = evidence.read_json(folder, bundle.MANIFEST)
    return f"{len(manifest)} files, each with its sha256"


def _report(subject: _Subject) -> str:
    texts = {name: subject.folder / name for name in evidence.REPORTS}
    for name, path in texts.items():
        if not path.is_file():
            raise IntegrityError(f"'{name}' is missing")
        if path.read_bytes() != subject.project.store.get(subject.gate, name).read_bytes():
            raise IntegrityError(f"'{name}' is not the one of the gate's run {subject.gate}")
    report = reports.from_json(texts[evidence.REPORTS[0]].read_text("utf-8", "replace"))
    if report.outcome != "PASSED":
        raise IntegrityError(f"the gate ended {report.outcome}")
    if report.subject != subject.version.run_id:
        raise IntegrityError(f"it is about run {report.subject}")
    return f"sealed, PASSED, about this run; {len(report.results)} checks"


def _run(subject: _Subject) -> str:
    """That MLflow still says of the run what it said then."""
    run = subject.project.store.run(subject.version.run_id)
    now, stated = evidence.of_run(run, run.tags.get(DATA)), subject.record()
    changed = [name for name, value in now.items() if stated.get(name) != value]
    if changed:
        raise IntegrityError(f"MLflow has other {listed(changed)} of the run than it had")
    return f"MLflow has the same parameters, scores and data of run '{run.name}'"


def _data(subject: _Subject) -> str:
    from fullturn.data import tables

    digest = str(subject.record().get("data_digest"))
    head = tables.head(subject.project.table)
    known = [record for record in head.records if record.version.digest == digest]
    if not known:
        held = f"{len(head.records)} other versions" if head.records else "nothing"
        raise _NotAsked(f"digest {digest[:12]} is not in the table here, which holds {held}")
    rows = tables.rows(head, known[0])
    return f"version {known[0].version.version} here: {len(rows)} rows, digest {digest[:12]}"


def _materials(subject: _Subject) -> str:
    path = subject.folder / evidence.SBOM
    if not path.is_file():
        raise IntegrityError(f"'{evidence.SBOM}' is missing")
    stated = sbom.read(path.read_text(encoding="utf-8", errors="replace"))
    if stated.digest != subject.version.tags.get(DIGEST):
        raise IntegrityError(f"they are of another bundle, {stated.digest[:12]}")
    return f"CycloneDX 1.6, {stated.components} components"


def _code(subject: _Subject) -> str:
    root, stated = subject.project.root, evidence.read_json(subject.folder, evidence.GIT)
    commit = str(stated.get("commit") or "")
    if not commit:
        raise _NotAsked("it was not under Git")
    if git(root, "rev-parse", "--git-dir") is None:
        raise _NotAsked(f"commit {commit[:12]}; there is no Git here")
    if not _COMMIT.fullmatch(commit):
        raise IntegrityError(f"'{commit[:40]}' is no commit")
    if git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        raise CouldNotEvaluate(f"Git does not know commit {commit[:12]} here; fetch it and see")
    changes = ", with changes that are in no commit" if stated.get("dirty") else ""
    return f"Git knows commit {commit[:12]}{changes}"


def _copy(subject: _Subject) -> str:
    folder = disk_folder(subject.project, subject.version.version)
    if not folder.is_dir():
        raise _NotAsked("none here")
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
