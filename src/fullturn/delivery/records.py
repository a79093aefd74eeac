"""What a pipeline found: the records that its report is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fullturn.entities import Code, GateReport

Verdict = Literal["PASSED", "FAILED", "INCONCLUSIVE", "COULD_NOT_EVALUATE"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step of the pipeline ended."""

    name: str
    """Of the step; see `pipeline.Step`."""
    command: str
    exit_code: int | None
    """None if it was not reached."""
    seconds: float
    reason: str = ""
    """The error's text, if it failed with one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A side of the comparison: the candidate or the champion."""

    name: str
    """`run '…'` or `version 3`."""
    run: str
    commit: str | None
    data: str
    """Dataset digest that it was trained on."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus champion on the same rows, by group, with an interval.

    `name` is a score, or a slice as `column=value`.
    """

    name: str
    rows: int
    champion: float
    candidate: float
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Flip:
    """A test row that one side got right and the other did not."""

    id: str
    question: str
    champion: str
    """What the champion answered, as a user would read it."""
    candidate: str
    gained: bool
    expected: str = ""


@dataclass(frozen=True, slots=True)
class DataChange:
    """From the champion's dataset to the candidate's."""

    before: str
    after: str
    """Digests."""
    known: bool
    """Whether both are in this table: otherwise the counts below say nothing."""
    added: int = 0
    removed: int = 0
    changed: int = 0
    splits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    test_changed: bool = False
    """Whether test rows were added, removed or changed."""
    examples: tuple[str, ...] = ()
    """A few rows, each with what happened to it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What candidate and champion cost: training seconds, and milliseconds and LLM tokens an
    answer (None where unknown)."""

    train_seconds: tuple[float | None, float | None]
    """Candidate, champion; so are the others."""
    milliseconds: tuple[float | None, float | None]
    tokens: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that the report of a pipeline says."""

    project: str
    verdict: Verdict
    reason: str
    """One sentence."""
    code: Code
    branch: str | None
    base: str | None
    """The branch, or commit, that this one goes into."""
    created: str
    steps: tuple[Ended, ...]
    warnings: tuple[str, ...] = ()
    """To be said loudly: the test set changed, uncommitted changes, …"""
    candidate: Subject | None = None
    champion: Subject | None = None
    scores: tuple[Difference, ...] = ()
    slices: tuple[Difference, ...] = ()
    """Those whose interval excludes zero, and the largest others; worst first."""
    flips: tuple[Flip, ...] = ()
    params: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """Champion's value, candidate's value; only what differs."""
    packages: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """The same of the environments."""
    data: DataChange | None = None
    cost: Cost | None = None
    gate: GateReport | None = None
