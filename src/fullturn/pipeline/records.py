"""What a pipeline found: the records that its report is written from, and their JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Literal

from fullturn.core.entities import Code, GateReport
from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.showing import Result
from fullturn.core.wording import shown
from fullturn.metrics.metric import SHARE

Verdict = Literal["PASSED", "FAILED", "INCONCLUSIVE", "COULD_NOT_EVALUATE"]


@dataclass(frozen=True, slots=True)
class Checkout(Result):
    """The state of Git that a pipeline runs on."""

    code: Code
    branch: str | None
    base: str | None
    """The branch, or commit, that this one goes into."""
    shallow: bool = False
    """Whether the clone lacks history."""


@dataclass(frozen=True, slots=True)
class StepResult:
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

    `name` is a metric, or a slice as `column=value`. Figures are score points, unless `unit` says
    otherwise; a positive difference is better, also of metrics where lower is better.
    """

    name: str
    rows: int
    champion: float
    candidate: float
    estimate: float
    low: float
    high: float
    confidence: float
    """Of the interval; for slices, that all intervals cover their values together."""
    unit: str = SHARE
    margin: float | None = None
    """Its own, if it differs from that of the other scores."""

    @property
    def moved(self) -> bool:
        """Whether the interval excludes zero."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Flip:
    """A test row whose primary score differs from the champion's."""

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
    """Whether both are in this table: otherwise the counts below mean nothing."""
    added: int = 0
    removed: int = 0
    changed: int = 0
    splits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Rows of each split before and after."""
    test: tuple[int, int, int] = (0, 0, 0)
    """Test rows added, removed and changed."""
    examples: tuple[str, ...] = ()
    """A few rows, each with what happened to it."""

    @property
    def test_changed(self) -> bool:
        """Whether test rows were added, removed or changed."""
        return any(self.test)


Pair = tuple[float | None, float | None]
"""Candidate, champion; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What candidate and champion cost."""

    train_seconds: Pair
    milliseconds: Pair
    """Of an answer, on average over the test rows."""
    tokens: Pair
    """Of the LLM for an answer, prompt and completion, on average."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything in the report of a pipeline."""

    project: str
    verdict: Verdict
    reason: str
    """A sentence or two."""
    checkout: Checkout
    created: str
    """ISO 8601, UTC."""
    steps: tuple[StepResult, ...]
    warnings: tuple[str, ...] = ()
    """Shown at the top: the test set changed, uncommitted changes, …"""
    candidate: Subject | None = None
    champion: Subject | None = None
    margin: float = 0.0
    """How much worse than the champion still counts as not worse."""
    scores: tuple[Difference, ...] = ()
    """The primary one first."""
    shared: Difference | None = None
    """The primary score on the test rows that both datasets contain, if either has others."""
    slices: tuple[Difference, ...] = ()
    """Of the primary score: those whose interval excludes zero, worst first, then the others."""
    lost: int = 0
    gained: int = 0
    flips: tuple[Flip, ...] = ()
    """The first of those counted, lost ones first."""
    flips_of: str = ""
    """The score that decides which they are; empty for the first one."""
    params: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """Champion's value, candidate's value; only what differs."""
    files: Mapping[str, tuple[str | None, str | None]] | None = None
    """The same of the files of code, by sha256; None if one of them was not recorded."""
    packages: Mapping[str, tuple[str | None, str | None]] | None = None
    """The same of the environments."""
    data: DataChange | None = None
    cost: Cost | None = None
    gate: GateReport | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the candidate is the champion's own run."""
        sides = (self.candidate, self.champion)
        return None not in sides and sides[0].run == sides[1].run  # type: ignore[union-attr]


LARGEST = 2**20
"""Characters of JSON that are read."""
_BOUND = 1e12
"""Larger numbers are rejected."""


def to_json(delivery: Delivery) -> str:
    """The delivery as JSON, ASCII only, so that every tool reads it as written.

    Raises:
        CouldNotEvaluate: a figure is NaN, infinite, or not a JSON value.
    """
    try:
        return json.dumps(asdict(delivery), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CouldNotEvaluate(
            f"the report of '{delivery.project}' contains a figure that JSON cannot "
            f"represent: {error}; "
            "let checks and apps return finite numbers, texts and lists"
        ) from error


def from_json(text: str) -> Delivery:
    """The delivery that `to_json` wrote: every field of the right type, and no other.

    Raises:
        IntegrityError: it is something else, or longer than LARGEST.
    """
    if len(text) > LARGEST:
        raise _refused(f"it has {len(text):,} characters, at most {LARGEST:,} are read")
    try:
        body = json.loads(text, parse_constant=_no_number, parse_int=_whole, parse_float=_finite)
        found = _reader()(json.dumps({"delivery": body}))
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise _refused(" ".join(str(error).split())) from None
    for one in (*found.scores, *found.slices, *((found.shared,) if found.shared else ())):
        _check(one)
    if not 0 <= found.margin <= 1:
        raise _refused(f"its margin is {found.margin:g}")
    return found


@cache
def _reader() -> Callable[[str], Delivery]:
    from pydantic import BaseModel, ConfigDict

    class Sealed(BaseModel):
        """A dataclass takes its strictness from the model around it."""

        model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
        delivery: Delivery

    return lambda text: Sealed.model_validate_json(text).delivery


def _check(of: Difference) -> None:
    most = 1.0 if of.unit == SHARE else math.inf
    inside = 0 <= of.confidence <= 1 and (of.margin is None or 0 < of.margin <= most)
    if of.unit == SHARE:
        inside = inside and 0 <= of.champion <= 1 and 0 <= of.candidate <= 1
    ordered = -most <= of.low <= of.estimate <= of.high <= most
    if not (inside and ordered and of.rows >= 0):
        raise _refused(f"the figures of {shown(of.name)} are not a valid difference of scores")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a valid figure")


def _whole(digits: str) -> int:
    if len(digits) > 13:
        raise ValueError("a number has more than 12 digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value) or abs(value) > _BOUND:
        raise ValueError(f"the number {digits[:20]} is out of range")
    return value


def _refused(why: str) -> IntegrityError:
    return IntegrityError(
        f"this is not a pipeline report: {why[:300]}; write it with `fullturn ci report`"
    )
