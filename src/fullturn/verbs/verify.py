"""Verify the evidence of a version: each check with its result.

The copy in MLflow counts. Nothing in the folder is trusted before its signature is verified, and
no signature before the folder is shown to be about this version and this bundle: the folder of
another version has a valid signature too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from fullturn.core.entities import Outcome
from fullturn.core.errors import (
    CouldNotEvaluate,
    IntegrityError,
    NotFound,
    Refused,
)
from fullturn.core.showing import Block, Result, Style, grid, line, mark, plain, styled, then, view
from fullturn.verbs.parts import evidence_queries, references
from fullturn.verbs.workspace import Workspace

CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 4}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; INCONCLUSIVE if it could not be made."""

    name: str
    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str


@dataclass(frozen=True, slots=True)
class Verified(Result):
    """All checks on the evidence of a version."""

    version: int
    findings: tuple[Finding, ...]
    _rows = "findings"

    def to_dict(self) -> Any:
        """Version, outcome and findings."""
        return {"version": self.version, "outcome": self.outcome, "findings": plain(self.findings)}

    @property
    def exit_code(self) -> int:
        """0 all valid, 1 something is invalid, 4 something could not be checked."""
        return CODES[self.outcome]

    @property
    def outcome(self) -> Outcome:
        """FAILED if something is invalid, INCONCLUSIVE if something could not be checked."""
        found = {finding.outcome for finding in self.findings}
        if "FAILED" in found:
            return "FAILED"
        return "INCONCLUSIVE" if "INCONCLUSIVE" in found else "PASSED"


def verify(project: Workspace, reference: str | int) -> Verified:
    """Verify the evidence of a version: signature, bundle, gate report, records, promotions.

    Raises:
        NotFound: there is no such version.
        SettingsError: a setting in [signing] is missing or wrong.
        StoreUnavailable: MLflow is unreachable.
    """
    version = references.version(project, reference)
    fetch_bundle = cache(partial(project.store.fetch_model, version.source))
    with TemporaryDirectory() as place:
        try:
            folder = evidence_queries.fetch_evidence(project, version, Path(place))
        except (NotFound, IntegrityError) as error:
            absent = Finding("evidence", "INCONCLUSIVE", str(error))
            files = partial(evidence_queries.bundle_files, version, fetch_bundle)
            promotions = partial(evidence_queries.promotions, project, version)
            others = _finding("bundle files", files), _finding("history", promotions)
            return Verified(version.version, (absent, *others))
        subject = evidence_queries.CheckedVersion(project, version, folder, fetch_bundle)
        return Verified(version.version, tuple(_findings(subject)))


def _findings(subject: evidence_queries.CheckedVersion) -> Iterator[Finding]:
    queries: dict[str, Callable[[], str]] = {
        "evidence": partial(evidence_queries.all_files, subject),
        "signature": partial(evidence_queries.signature, subject),
        "version": partial(evidence_queries.identity, subject),
        "manifest": partial(evidence_queries.manifest, subject),
        "bundle files": partial(
            evidence_queries.bundle_files, subject.version, subject.fetch_bundle
        ),
        "gate report": partial(evidence_queries.gate_report, subject),
        "run": partial(evidence_queries.run_record, subject),
        "data": partial(evidence_queries.data_rows, subject),
        "materials": partial(evidence_queries.bill_of_materials, subject),
        "code": partial(evidence_queries.commit, subject),
        "local copy": partial(evidence_queries.local_copy, subject),
        "history": partial(evidence_queries.promotions, subject.project, subject.version),
    }
    for name, query in queries.items():
        yield _finding(name, query)


def _finding(name: str, query: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "PASSED", query())
    except evidence_queries.NotApplicable as reason:
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
