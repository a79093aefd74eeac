"""What a gate is decided on. A field that is None is evidence that could not be had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fullturn.core.entities import DatasetVersion, Evaluation
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
    baseline: Evaluation | None = None
    behaviours: Mapping[str, tuple[Evaluation, Evaluation]] | None = None
    """For each perturbation: the same rows as they are, and perturbed."""
    repeated: tuple[Evaluation, Evaluation] | None = None
    """The same rows from two separately loaded predictors."""
    latencies: tuple[float, ...] | None = None
    """Seconds of single-row calls."""
    refusal: RefusalState | None = None
    metrics: tuple[Metric, ...] = ()
    """Metrics that the settings name besides the subject's scores."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """For each field that nobody can know of this subject, why."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """For each field that could not be had, why."""
