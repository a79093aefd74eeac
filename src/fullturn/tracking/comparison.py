"""Two runs side by side: parameters, metrics with paired intervals, questions that flipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fullturn.core.entities import Evaluation, RunRecord, ScoredRow
from fullturn.core.errors import NotFound, StatisticsInputError, UsageError
from fullturn.core.showing import Result
from fullturn.core.tags import TrainingTags
from fullturn.metrics import Difference, Metric, difference, paired_rows
from fullturn.metrics.answers import CachedRows
from fullturn.metrics.metric import SHARE, Direction, MeanScore
from fullturn.statistics.paired import PairedDifference


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
    """A row that one run got right and the other did not."""

    id: str
    input: str
    gained: bool


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
    _rows = "metrics"


def compare(
    first: RunRecord,
    second: RunRecord,
    left: Evaluation,
    right: Evaluation,
    named: Sequence[Metric] = (),
    primary: str = "",
) -> Comparison:
    """Compare two runs on the rows that both have scored: their scores, and `named` metrics; the
    one called `primary` comes first.

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
    return Comparison(
        first=first.name,
        second=second.name,
        rows=len(pair[0]),
        data=(_data(first), _data(second)),
        params=_changed(first, second),
        metrics=tuple(_shown(metrics[name], one) for name, one in found.items()),
        flips=tuple(_flips(*pair, scores[0])),
        detectable=next(iter(found.values())).detectable(),
        unknown=unknown,
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


def _flips(before: Sequence[ScoredRow], after: Sequence[ScoredRow], metric: str) -> list[Flip]:
    return [
        Flip(a.id, " ".join(map(str, a.input.values())), gained=b.scores[metric] > a.scores[metric])
        for a, b in zip(before, after, strict=True)
        if a.scores[metric] != b.scores[metric]
    ]


def _changed(first: RunRecord, second: RunRecord) -> dict[str, tuple[str | None, str | None]]:
    names = sorted(first.params.keys() | second.params.keys())
    both = {name: (first.params.get(name), second.params.get(name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}
