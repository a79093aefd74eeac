"""The frozen records that stages hand to each other. No behaviour beyond derived properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fullturn.core.showing import Block, Result, line, styled, then, view

Scalar = str | int | float | bool
Params = Mapping[str, Scalar]
Input = Mapping[str, Any]
"""The input columns of one row, as a predictor gets them."""
Output = Mapping[str, Any]
"""What a predictor answers for one row."""
UNSEEN = "unseen"
"""Where an output names the categories of its row that training never had, by column."""
Scores = Mapping[str, float]
"""Scores of one output, each in [0, 1] and finite, higher is better; the primary one first."""

Split = Literal["train", "validation", "test", "reference"]
"""`reference` rows are knowledge that an app consults (an assistant's passages)."""
Outcome = Literal["PASSED", "FAILED", "INCONCLUSIVE"]
Arm = Literal["champion", "baseline", "canary", "shadow"]
"""Who answers a request: the champion; in a release also the version under test (canary), an
equally large control group of the champion (baseline), and a copy nobody sees (shadow)."""
Action = Literal["promotion", "rollback", "adoption"]
"""What an entry of the history says. An adoption records the champion that a team already had."""
RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


Kind = Literal["text", "category", "number", "boolean", "date", "json"]
"""What the cells of a column are. A `boolean` is stored, and seen by an app, as 'true' or 'false',
however it was written; a `date` as ISO 8601 text, in UTC if it has a zone."""
EqualRows = Literal["drop", "group", "separate"]
Role = Literal["input", "label", "slice", "group", "split", "id", "time", "extra"]
"""What a column is for. A version that has a `time` is split by it; an `extra` column is part of
the version, and no model reads it."""


def unseen_of(output: Output) -> Mapping[str, str]:
    """The categories of its row that training never had, by column; none if it names none."""
    found = output.get(UNSEEN)
    return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    `role` says what a column is for; `allowed`, `minimum`, `maximum` and `max_length`
    bound its values. A column that is not `required` may be absent or null. With
    `plain_numbers`, a category's whole numbers have one spelling: `1.0` is stored as `1`.
    `day_first` says what comes first in dates such as 1/5/2024; without it, they are refused.
    An input that `orders_rows` is also the time by which a version is split.
    """

    name: str
    kind: Kind = "text"
    role: Role = "input"
    required: bool = True
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 20_000
    plain_numbers: bool = False
    day_first: bool | None = None
    orders_rows: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """What the rows of a dataset look like.

    `key` names the columns that identify a row between versions. `near_duplicates` says
    what to do with near-equal texts on both sides of a split: refuse the commit, keep
    them together (`group`: they get one group, hence one split), or only report them.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    near_duplicates: Literal["refuse", "group", "report"] = "group"
    text: str | None = None
    """The input column whose text behaviour checks may perturb; None if there is none."""
    equal_rows: EqualRows = "drop"
    """What to do with rows whose key is equal: leave one; keep all, and those with equal inputs in
    one group; or keep each as a row of its own."""

    def names(self, role: str) -> tuple[str, ...]:
        """Names of the columns that have this role, in order."""
        return tuple(c.name for c in self.columns if c.role == role)


@dataclass(frozen=True, slots=True)
class Example:
    """One row: what is asked, what is expected, and how it is grouped for statistics."""

    id: str
    input: Input
    expected: Mapping[str, Any]
    group: str
    split: Split
    slices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatasetVersion(Result):
    """The record of one committed version of a dataset."""

    name: str
    version: int
    digest: str
    """sha256 over the sorted row digests: independent of row order and file layout."""
    uri: str
    rows: int
    splits: Mapping[str, int]
    parent: int | None
    added: int
    removed: int
    changed: int
    message: str
    actor: str
    created: str
    """ISO 8601, UTC."""
    findings: Mapping[str, int] = field(default_factory=dict)
    """What the commit found: copies of rows, which it dropped (`duplicates`, `repeated`), pairs of
    near-equal texts that are in two splits (`near_duplicates`), and rows that break the contract,
    which it `dropped` because the settings say so."""
    notes: tuple[str, ...] = ()
    """What a person should know of it, a sentence each."""
    dropped: tuple[str, ...] = ()
    """The first rows that were dropped because they break the contract: file, line and reason."""
    periods: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The first and the last time of each split, if it was split by time."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset version with its rows."""

    version: DatasetVersion
    examples: tuple[Example, ...]
    reference: tuple[Mapping[str, Any], ...] = ()

    def split(self, *names: Split) -> tuple[Example, ...]:
        """The examples of these splits, in stored order."""
        return tuple(e for e in self.examples if e.split in names)


@dataclass(frozen=True, slots=True)
class Code:
    """Which code a run used."""

    commit: str | None
    dirty: bool
    diff_digest: str | None


@dataclass(frozen=True, slots=True)
class RunRecord(Result):
    """A tracked run, as read back from MLflow."""

    id: str
    name: str
    kind: str
    status: RunStatus
    started: str
    duration: float | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One example, answered and scored. `latency` is in seconds."""

    id: str
    group: str
    slices: Mapping[str, str]
    input: Input
    output: Output
    scores: Scores
    latency: float
    expected: Mapping[str, Any] = field(default_factory=dict)
    """The label columns, by name; empty in rows that fullturn 0.1 stored."""
    loss: float | None = None
    """The loss that the app declares, above 1 where it is clipped; None if it declares none."""

    @property
    def bounded_loss(self) -> float:
        """The loss in [0, 1], for sequential evidence; not declared, 1 minus the primary score."""
        if self.loss is None:
            return 1.0 - next(iter(self.scores.values()))
        return min(1.0, self.loss)

    @property
    def is_clipped(self) -> bool:
        """Whether the declared loss is above 1, and counts as 1."""
        return self.loss is not None and self.loss > 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A predictor's rows on one split of one dataset version."""

    subject: str
    dataset: str
    split: Split
    rows: tuple[ScoredRow, ...]
    expected_rows: int
    seconds: float

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores, the primary one first."""
        return tuple(self.rows[0].scores) if self.rows else ()

    def column(self, metric: str) -> list[float]:
        """One score of every row, in row order."""
        return [row.scores[metric] for row in self.rows]

    def mean(self, metric: str) -> float:
        """Mean of one score over rows."""
        values = self.column(metric)
        return sum(values) / len(values)

    @property
    def groups(self) -> list[str]:
        """The group of every row, in row order."""
        return [row.group for row in self.rows]

    @property
    def clipped(self) -> float | None:
        """Share of the losses that are clipped to 1; None if the app declares no loss."""
        declared = [row.is_clipped for row in self.rows if row.loss is not None]
        return sum(declared) / len(declared) if declared else None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check of a gate found."""

    code: str
    family: str
    title: str
    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    waived: str | None = None
    """The reason of a waiver, if one was given."""
    missing: tuple[str, ...] = ()
    """The evidence that was missing, so that nothing could be decided."""


@dataclass(frozen=True, slots=True)
class GateReport(Result):
    """The outcome of a gate and the evidence for it."""

    subject: str
    champion: str | None
    dataset: str
    data_digest: str
    outcome: Outcome
    results: tuple[CheckResult, ...]
    created: str
    actor: str
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the gate: a later reader needs them to know what was required."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """What is shown and not judged: usual metrics, and where the candidate errs."""
    _rows = "results"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model version."""

    name: str
    version: int
    run_id: str
    source: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: str


@dataclass(frozen=True, slots=True)
class HistoryEntry(Result):
    """One promotion or rollback, in the order in which they took effect."""

    number: int
    action: Action
    version: int
    previous: int | None
    actor: str
    reason: str
    gate: str | None
    """Run id of the gate report, None for a rollback."""
    created: str
    effective: bool = True
    """False for an entry that lost a race, or is malformed: it is recorded, and changed nothing."""
    release: str | None = None
    """Run of the release that decided on it; None if a person did."""
    run: str = ""
    """The training run of the version."""
    problem: str = ""
    """Why it has no effect."""
    override: str = ""
    """What spoke against a promotion that a person overrode; its reason says why."""
    seal: Literal["", "valid", "unsigned", "missing", "unknown key", "altered"] = ""
    """Whether it is as it was written: "unknown key" if that cannot be checked here, as the public
    key of its signature is not. Empty where it was not checked."""


@view.register
def _(result: HistoryEntry) -> Iterator[Block]:
    before = f"version {result.previous}" if result.previous else "none"
    now = styled(f"version {result.version}", "bold")
    yield line(f"champion: {before} → ", now, f" ({result.action})")
    if result.override:
        yield line(styled("overridden: ", "open"), result.override)
    back = result.action != "rollback" and result.previous
    yield then("fullturn history", *(("fullturn rollback --reason '…'",) if back else ()))


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answered request, as the prediction log stores it."""

    id: str
    sequence: int
    """Position in the log: grows with every record, also when the clock is set back."""
    time: int
    """When it was answered, in milliseconds since 1970."""
    arm: Arm
    version: int
    key: str
    """The entity that asked (a user, an order), or the id where the request named none."""
    input: Input
    output: Output | None
    """None if the predictor failed; `error` says how."""
    latency: float
    """Seconds from the request's arrival to its answer."""
    error: str | None = None
    copy_of: str | None = None
    """For a shadow's answer, the id of the prediction that the user saw."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became known of a prediction later: the right answer, or a score of the one given."""

    prediction: str
    sequence: int
    time: int
    """When it arrived, in milliseconds since 1970."""
    expected: Mapping[str, Any] | None
    """The label columns, by name; an app scores outputs against it."""
    score: float | None
    """How good the answer was, in [0, 1]; it applies to the answer that was given."""
    source: str = ""
    """Who gave it; the share of one source in the training data is limited."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of one logged prediction: an item of evidence for release and monitoring.

    A prediction is observed when it is logged, with no loss, and once more when its loss becomes
    known: at once, days later, or never.
    """

    prediction: Prediction
    loss: float | None = None
    """In [0, 1]: the declared loss, or 1 minus the primary score. A shadow's answer has one of its
    own as soon as the label of the request is known."""
    unscored: str | None = None
    """Why the app could not score the answer against its label: its loss is 1 then, as what is
    missing does not pass, but says nothing of the quality."""
    clipped: bool = False
    """Whether the declared loss is above 1, and counts as 1."""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """How requests are routed during a release, which writes it; the server follows it."""

    run: str
    """The release's run."""
    stage: Literal["shadow", "canary"]
    version: int
    share: float
    """Of the canary, and of the baseline beside it; 0 < share ≤ 0.5."""
    salt: str
    """Decides which entities are in the canary: another salt selects others."""
    until: float
    """Seconds since 1970. The release renews it; when it expires, the champion gets all traffic."""
    control: int = 0
    """Of the controller that wrote it: its entry in the ledger of releases; 0 for none."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a column of the newest requests differs from the reference."""

    column: str
    """With its side in front: `input.age`, `output.confidence`."""
    what: str
    """The figure: `mean`, `share of nulls`, `share of 'red'`, …"""
    before: float
    after: float
    strength: float
    """The difference in standard errors."""
    broken: bool = False
    """Whether this looks like a broken pipeline, whatever the labels say."""
    sentence: str = ""
    """The change in one sentence."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an alarm probably means, by explicit rules."""

    verdict: Literal["broken pipeline", "harmful shift", "harmless shift", "unclear"]
    reason: str
    changes: tuple[Change, ...] = ()
    """The strongest first."""
    words: tuple[str, ...] = ()
    """Words that are typical of the newest texts, and not of the reference."""
    examples: tuple[Mapping[str, Any], ...] = ()
    """Requests typical of the change: `id`, `input`, `output`."""
    requests: int = 0
    """Requests since the change seems to have begun; the figures are theirs."""
    labelled: int = 0
    """How many of them have a loss."""


@dataclass(frozen=True, slots=True)
class Alarm(Result):
    """A detector's statistic reached its threshold."""

    detector: str
    version: int
    sequence: int
    """Of the prediction that it was raised at."""
    time: int
    """When that was answered, in milliseconds since 1970."""
    requests: int
    """How many observations the detector had seen."""
    statistic: float
    threshold: float
    """Also the declared average run length of this detector, in observations."""
    began: int
    """Sequence of the prediction with which the change seems to have begun."""
    diagnosis: Diagnosis
