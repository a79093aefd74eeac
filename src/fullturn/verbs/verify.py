"""Does the evidence of a version hold? Each thing that is checked, with what was found.

MLflow's copy is what counts. Nothing in the folder is believed before its signature holds, and
no signature before the folder is shown to be about this version and this bundle: an untouched
folder of another version is signed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from fullturn.core.entities import ModelVersion, Outcome
from fullturn.core.errors import (
    CouldNotEvaluate,
    IntegrityError,
    NotFound,
    Refused,
    SettingsError,
)
from fullturn.core.showing import Block, Result, Style, grid, line, mark, plain, styled, then, view
from fullturn.verbs import evidence_queries, references
from fullturn.verbs.workspace import Workspace

CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 4}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; INCONCLUSIVE if it could not be."""

    name: str
    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str


@dataclass(frozen=True, slots=True)
class Verified(Result):
    """A version, and all that was checked about it."""

    version: int
    findings: tuple[Finding, ...]
    _rows = "findings"

    def to_dict(self) -> Any:
        """Version, outcome and findings."""
        return {"version": self.version, "outcome": self.outcome, "findings": plain(self.findings)}

    @property
    def exit_code(self) -> int:
        """0 all of it holds, 1 something does not, 4 something could not be checked."""
        return CODES[self.outcome]

    @property
    def outcome(self) -> Outcome:
        """FAILED if one thing does not hold, INCONCLUSIVE if one could not be checked."""
        found = {finding.outcome for finding in self.findings}
        if "FAILED" in found:
            return "FAILED"
        return "INCONCLUSIVE" if "INCONCLUSIVE" in found else "PASSED"


def verify(project: Workspace, reference: str | int) -> Verified:
    """Check everything about the evidence of a version.

    Raises:
        NotFound: there is no such version.
        SettingsError: a setting of [signing] is missing or wrong.
        StoreUnavailable: MLflow does not answer.
    """
    version = references.version(project, reference)
    fetched = cache(partial(project.store.fetch_model, version.source))
    with TemporaryDirectory() as place:
        try:
            folder = evidence_queries.kept(project, version, Path(place))
        except (NotFound, IntegrityError) as error:
            absent = Finding("evidence", "INCONCLUSIVE", str(error))
            files = _judged(
                "bundle files", partial(evidence_queries.bundle_files, version, fetched)
            )
            return Verified(version.version, (absent, files))
        subject = evidence_queries.Subject(project, version, folder, fetched)
        return Verified(version.version, tuple(_findings(subject)))


def require(project: Workspace, version: ModelVersion, files: Path) -> None:
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
            folder = evidence_queries.kept(project, version, Path(place))
            subject = evidence_queries.Subject(project, version, folder, lambda: files)
            for look in (
                evidence_queries.signature,
                evidence_queries.about_it,
                evidence_queries.manifest,
            ):
                look(subject)
    except (IntegrityError, NotFound) as error:
        raise IntegrityError(
            f"version {version.version} may not be used here, for [serving] signed = true: "
            f"{error}; see `fullturn verify {version.version}`"
        ) from error


def _findings(subject: evidence_queries.Subject) -> Iterator[Finding]:
    asked: dict[str, Callable[[], str]] = {
        "evidence": partial(evidence_queries.whole, subject),
        "signature": partial(evidence_queries.signature, subject),
        "version": partial(evidence_queries.about_it, subject),
        "manifest": partial(evidence_queries.manifest, subject),
        "bundle files": partial(evidence_queries.bundle_files, subject.version, subject.fetched),
        "gate report": partial(evidence_queries.gate_report, subject),
        "run": partial(evidence_queries.record_of_run, subject),
        "data": partial(evidence_queries.rows, subject),
        "materials": partial(evidence_queries.materials, subject),
        "code": partial(evidence_queries.commit_known, subject),
        "copy on disk": partial(evidence_queries.copy_on_disk, subject),
    }
    for name, look in asked.items():
        yield _judged(name, look)


def _judged(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "PASSED", look())
    except evidence_queries.NotAsked as reason:
        return Finding(name, "NOT_APPLICABLE", str(reason))
    except Refused as error:
        return Finding(name, "FAILED", str(error))
    except (CouldNotEvaluate, NotFound) as error:
        return Finding(name, "INCONCLUSIVE", str(error))


@view.register
def _(result: Verified) -> Iterator[Block]:
    yield grid(
        ("", "check", "result"), ((mark(f.outcome), f.name, f.reason) for f in result.findings)
    )
    sentence, style = _VERDICTS[result.outcome]
    yield line(styled(sentence.format(result.version), style))
    yield then(f"fullturn lineage {result.version}", f"fullturn reproduce {result.version}")


_VERDICTS: dict[Outcome, tuple[str, Style]] = {
    "PASSED": ("The evidence of version {} is valid.", "good"),
    "FAILED": ("The evidence of version {} is invalid: do not use this version.", "bad"),
    "INCONCLUSIVE": ("Some evidence of version {} could not be checked.", "open"),
}
