"""Two runs side by side: parameters, metrics with paired intervals, questions that flipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fullturn.core.entities import Evaluation, RunRecord, ScoredRow
from fullturn.core.errors import NotFound, UsageError
from fullturn.core.showing import Result
from fullturn.core.tags import TrainingTags
from fullturn.statistics.paired import PairedDifference, paired_difference
from fullturn.statistics.power import minimum_detectable_effect


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric of both runs on the rows they share; `difference` is second minus first."""

    metric: str
    first: float
    second: float
    difference: PairedDifference


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that one run got right and the other did not."""

    id: str
    input: str
    gained: bool


@dataclass(frozen=True, slots=True)
class Comparison(Result):
    """What separates run `second` from run `first`."""

    first: str
    second: str
    rows: int
    data: tuple[str, str]
    """The dataset version that each was trained on; empty where none is recorded."""
    params: dict[str, tuple[str | None, str | None]]
    metrics: tuple[MetricDifference, ...]
    flips: tuple[Flip, ...]
    detectable: float
    """Smallest true difference of the primary metric found with 80 % power, α = 0.05."""
    _rows = "metrics"


def compare(first: RunRecord, second: RunRecord, left: Evaluation, right: Evaluation) -> Comparison:
    """Compare two runs on the rows that both have scored.

    Raises:
        UsageError: they are the same run.
        NotFound: they share fewer than two groups of rows.
    """
    if first.id == second.id:
        raise UsageError(
            f"A and B are both run {first.id[:8]} ('{first.name}'); name two, see `fullturn runs`"
        )
    pairs = _pairs(left, right)
    groups = np.array([a.group for a, _ in pairs])
    if len(set(groups.tolist())) < 2:
        raise NotFound(
            f"runs '{first.name}' and '{second.name}' share {len(pairs)} scored rows: "
            "too few to compare; train both on the same dataset version"
        )
    metrics = [name for name in left.metrics if name in right.metrics]
    a, b = (_scores([pair[i] for pair in pairs], metrics[0]) for i in (0, 1))
    return Comparison(
        first=first.name,
        second=second.name,
        rows=len(pairs),
        data=(_data(first), _data(second)),
        params=_changed(first, second),
        metrics=tuple(_difference(pairs, name, groups) for name in metrics),
        flips=tuple(_flips(pairs, metrics[0])),
        detectable=minimum_detectable_effect(b, a, groups),
    )


def _data(run: RunRecord) -> str:
    number = TrainingTags.read(run.tags).data
    return "" if number is None else str(number)


def _pairs(left: Evaluation, right: Evaluation) -> list[tuple[ScoredRow, ScoredRow]]:
    theirs = {row.id: row for row in right.rows}
    return [(row, theirs[row.id]) for row in left.rows if row.id in theirs]


def _scores(rows: list[ScoredRow], metric: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([row.scores[metric] for row in rows], dtype=np.float64)


def _difference(
    pairs: list[tuple[ScoredRow, ScoredRow]],
    metric: str,
    groups: np.ndarray[tuple[int], np.dtype[np.str_]],
) -> MetricDifference:
    a, b = (_scores([pair[i] for pair in pairs], metric) for i in (0, 1))
    difference = paired_difference(b, a, groups)
    return MetricDifference(metric, float(a.mean()), float(b.mean()), difference)


def _flips(pairs: list[tuple[ScoredRow, ScoredRow]], metric: str) -> list[Flip]:
    return [
        Flip(a.id, " ".join(map(str, a.input.values())), gained=b.scores[metric] > a.scores[metric])
        for a, b in pairs
        if a.scores[metric] != b.scores[metric]
    ]


def _changed(first: RunRecord, second: RunRecord) -> dict[str, tuple[str | None, str | None]]:
    names = sorted(first.params.keys() | second.params.keys())
    both = {name: (first.params.get(name), second.params.get(name)) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}
