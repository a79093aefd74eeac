"""A check: a small class with a code, a family, and the evidence that it needs.

The first line of a check's docstring is what it requires; the report prints it. A field of the
evidence that is None is evidence that is not available.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from fullturn.core.entities import DatasetVersion, Evaluation, Outcome
from fullturn.core.settings import GateSettings
from fullturn.metrics import Metric
from fullturn.subjects.protocols import Capability


@dataclass(frozen=True, slots=True)
class DataState:
    """The dataset version of a run: the digest it recorded, and the one its rows have now."""

    recorded: str
    found: str


@dataclass(frozen=True, slots=True)
class LeakageState:
    """Test rows among the rows that the candidate was trained or tuned on."""

    trained_rows: int
    test_rows: int
    shared: tuple[str, ...]
    """Ids of test rows that are training rows, or equal to one but for case and spacing."""


@dataclass(frozen=True, slots=True)
class BundleState:
    """The files of the candidate."""

    files: int
    problems: tuple[str, ...]
    """Missing, unexpected or changed files."""
    unsafe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusalState:
    """Attempts to get a canary token out of the candidate."""

    attempts: int
    leaks: tuple[str, ...]
    """The attempts that got it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a candidate, on the same rows as champion and baseline."""

    subject: str
    champion_name: str | None
    dataset: DatasetVersion
    lacks: Mapping[Capability, str] = field(default_factory=dict)
    """Capabilities that the subject does not have, each with the reason."""
    data: DataState | None = None
    leakage: LeakageState | None = None
    bundle: BundleState | None = None
    candidate: Evaluation | None = None
    validation: Evaluation | None = None
    champion: Evaluation | None = None
    identical: bool = False
    """Whether candidate and champion are one model, file by file: their digests are equal."""
    baseline: Evaluation | None = None
    behaviours: Mapping[str, tuple[Evaluation, Evaluation]] | None = None
    """For each perturbation: the same rows as they are, and perturbed."""
    perturbations: tuple[str, ...] | None = None
    """What may be done to a row without changing what is expected; None: everything."""
    repeated: tuple[Evaluation, Evaluation] | None = None
    """The same rows from two separately loaded predictors."""
    latencies: tuple[float, ...] | None = None
    """Seconds of single-row calls."""
    refusal: RefusalState | None = None
    metrics: tuple[Metric, ...] = ()
    """Metrics that the settings name besides the subject's scores."""
    primary: str = ""
    """Name of the metric that comes first; empty for the first score."""
    unit: str | None = None
    """What the label is measured in, if the settings name it."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """For each field that cannot be known of this subject, why."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """For each field that is not available, why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, why, and the figures it is based on."""

    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """The evidence that was missing, if that is why nothing was decided."""


def passed(reason: str, **figures: Any) -> Verdict:
    """The evidence says yes."""
    return Verdict("PASSED", reason, figures)


def failed(reason: str, **figures: Any) -> Verdict:
    """The evidence says no."""
    return Verdict("FAILED", reason, figures)


def inconclusive(reason: str, **figures: Any) -> Verdict:
    """The evidence does not decide."""
    return Verdict("INCONCLUSIVE", reason, figures)


def no_evidence(why: str, *missing: str) -> Verdict:
    """What is needed to decide is missing; `missing` names it."""
    return Verdict("INCONCLUSIVE", f"no evidence: {why}", missing=missing)


def unknown(what: str, why: str) -> Verdict:
    """What is needed to decide, `what`, cannot be known: gating again changes nothing."""
    return Verdict("INCONCLUSIVE", f"unknown: {why}", {"unknown": what})


class Check(ABC):
    """Base of all checks."""

    code: ClassVar[str]
    family: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    """Fields of Evidence without which the check blocks."""
    about: ClassVar[tuple[Capability, ...]] = ()
    """Capabilities of the subject without which the check does not apply."""

    @classmethod
    def title(cls) -> str:
        """What the check requires, in one sentence."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    def applies(self, evidence: Evidence) -> str | None:
        """Why the check does not apply here; None if it does."""
        return None

    @abstractmethod
    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        """Decide; every field in `needs` is there."""
