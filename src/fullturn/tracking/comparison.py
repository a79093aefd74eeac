"""Two runs side by side: parameters, metrics with paired intervals, rows that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fullturn.core.entities import Evaluation, RunRecord
from fullturn.core.errors import NotFound, StatisticsInputError, UsageError
from fullturn.core.showing import Result
from fullturn.core.tags import TrainingTags
from fullturn.core.wording import readable
from fullturn.metrics import Difference, Metric, difference, paired_rows
from fullturn.metrics.answers import CachedRows, expected_values, predicted_values
from fullturn.metrics.by_task import task_of
from fullturn.metrics.metric import LABEL_UNIT, SHARE, Direction, MeanScore
from fullturn.statistics.paired import PairedDifference

ERROR = "absolute error"


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric of both runs on the rows they share; `difference` is second minus first."""

    metric: str
    first: float
    second: float
    difference: PairedDifference
    unit: str = SHARE
    direction: Direction = "higher"
    """Which values are better."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that the second run answers better (`gained`) or worse than the first."""

    id: str
    input: str
    gained: bool
    first: float | None = None
    """Of predicted numbers, the first run's error, in the label's unit; so is `second`."""
    second: float | None = None
    expected: str = ""
    answers: tuple[str, str] = ("", "")
    """Of the first run, and of the second."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row that not all runs score alike, with what each of them answered."""

    id: str
    input: str
    expected: str
    answers: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Several runs on the same rows, side by side."""

    runs: tuple[str, ...]
    rows: int
    metrics: Mapping[str, tuple[float, ...]]
    """The metrics of each run."""
    split: tuple[MatrixRow, ...]
    """The rows that they score differently, those first that most of them get wrong."""
    all_wrong: int
    """Rows that every run gets wrong, by a score below 1."""


@dataclass(frozen=True, slots=True)
class Comparison(Result):
    """How run `second` differs from run `first`."""

    first: str
    second: str
    rows: int
    data: tuple[str, str]
    """The dataset version that each was trained on; empty where none is recorded."""
    params: dict[str, tuple[str | None, str | None]]
    metrics: tuple[MetricDifference, ...]
    flips: tuple[Flip, ...]
    detectable: float
    """Smallest true difference of the first metric found with 80 % power, α = 0.05; in its unit."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Metrics of the settings that cannot be computed on these rows, with the reason."""
    flips_of: str = ""
    """What decides which rows flipped: `accuracy` or another score, or `absolute error`."""
    flips_unit: str = SHARE
    matrix: Matrix | None = None
    """Where more than two runs are compared: all of them."""
    _rows = "metrics"


def compare(
    first: RunRecord,
    second: RunRecord,
    left: Evaluation,
    right: Evaluation,
    named: Sequence[Metric] = (),
    primary: str = "",
    unit: str | None = None,
) -> Comparison:
    """Compare two runs on the rows that both have scored: their scores, and `named` metrics; the
    one called `primary` comes first. `unit` is that of the label.

    Raises:
        UsageError: they are the same run.
        NotFound: they share fewer than two groups of rows.
    """
    if first.id == second.id:
        raise UsageError(
            f"A and B are both run {first.id[:8]} ('{first.name}'); name two, see `fullturn runs`"
        )
    pair = paired_rows(left.rows, right.rows)
    if len({row.group for row in pair[0]}) < 2:
        raise NotFound(
            f"runs '{first.name}' and '{second.name}' share {len(pair[0])} scored rows: "
            "too few to compare; train both on the same dataset version"
        )
    scores = [name for name in left.metrics if name in right.metrics]
    found, unknown = dict[str, Difference](), dict[str, str]()
    metrics: dict[str, Metric] = {name: MeanScore(name) for name in scores}
    metrics |= {metric.name: metric for metric in named if metric.name not in metrics}
    pair = CachedRows.of(pair[0]), CachedRows.of(pair[1])
    for name, metric in sorted(metrics.items(), key=lambda one: one[0] != primary):
        try:
            found[name] = difference(metric, pair[1], pair[0])
        except StatisticsInputError as error:
            unknown[name] = str(error)
    of, flips = _flips(*pair, scores)
    return Comparison(
        first=first.name,
        second=second.name,
        rows=len(pair[0]),
        data=(_data(first), _data(second)),
        params=_changed(first, second),
        metrics=tuple(_shown(metrics[name], one) for name, one in found.items()),
        flips=tuple(flips),
        detectable=next(iter(found.values())).detectable(),
        unknown=unknown,
        flips_of=of,
        flips_unit=(unit or LABEL_UNIT) if of == ERROR else SHARE,
    )


def _data(run: RunRecord) -> str:
    number = TrainingTags.read(run.tags).data
    return "" if number is None else str(number)


def _shown(metric: Metric, found: Difference) -> MetricDifference:
    """Second minus first, in the metric's own direction."""
    sign = 1 if metric.direction == "higher" else -1
    low, high = sorted((sign * found.low, sign * found.high))
    return MetricDifference(
        metric=found.metric,
        first=found.reference,
        second=found.candidate,
        difference=PairedDifference(
            estimate=sign * found.estimate,
            low=low,
            high=high,
            standard_error=found.standard_error,
            rows=found.rows,
            groups=found.groups,
            discordant_groups=found.discordant_groups,
            confidence=found.confidence,
        ),
        unit=found.unit,
        direction=metric.direction,
    )


def _flips(before: CachedRows, after: CachedRows, scores: Sequence[str]) -> tuple[str, list[Flip]]:
    """The rows that changed, and by what: of numbers their error, the largest change first; of
    labels whether they are right; otherwise the first score."""
    if task_of(before) == "regression" == task_of(after):
        return ERROR, _errors(before, after)
    of = "accuracy" if "accuracy" in scores else scores[0]
    return of, [
        Flip(a.id, readable(a.input), gained=b.scores[of] > a.scores[of])
        for a, b in zip(before, after, strict=True)
        if a.scores[of] != b.scores[of]
    ]


def _errors(before: CachedRows, after: CachedRows) -> list[Flip]:
    first, second = (
        abs(predicted_values(rows) - expected_values(rows)).tolist() for rows in (before, after)
    )
    found = [
        Flip(row.id, readable(row.input), y < x, x, y)
        for row, x, y in zip(before, first, second, strict=True)
        if x != y
    ]
    return sorted(found, key=lambda one: -abs((one.second or 0.0) - (one.first or 0.0)))


def _changed(first: RunRecord, second: RunRecord) -> dict[str, tuple[str | None, str | None]]:
    names = sorted(first.params.keys() | second.params.keys())
    both = {name: (first.params.get(name), second.params.get(name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}
