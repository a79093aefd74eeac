"""The detectors of a version: the values that each reads, and the bets behind it."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from fullturn.core.entities import Contract, Input, Observation, ScoredRow
from fullturn.core.errors import DataError
from fullturn.core.settings import MonitoringSettings
from fullturn.core.values import checked, stored_values
from fullturn.monitoring.columns import CONFIDENCE, MISSING, Watched, as_number, watched
from fullturn.monitoring.plans import Plan, RateDetector, Read
from fullturn.monitoring.plans import plans as custom_plans
from fullturn.statistics.conformal import CategoryBets, NumberBets
from fullturn.statistics.edetector import Bets, EDetector, Folded
from fullturn.statistics.mmd import TEACH, VectorBets
from fullturn.statistics.rates import EstimatedLoss, MeanBets

Vectors = Callable[[Sequence[str]], npt.NDArray[np.floating[Any]]]
"""Texts → one vector each, shape (n, d)."""
QUALITY, ESTIMATE, CONTRACT, ERRORS, SLOW = "quality", "estimate", "contract", "errors", "slow"
SCORING = "scoring"
CURVE_POINTS = 400


@dataclass(slots=True)
class Curve:
    """The statistic over observations, for a plot: at most 400 peaks, one per stretch."""

    stretch: int = 1
    peaks: list[float] = field(default_factory=list)

    def add(self, first: int, statistics: Sequence[float]) -> None:
        """The statistic after observations number `first`, `first` + 1, …"""
        done = 0
        while done < len(statistics):
            place = (first + done) // self.stretch
            until = min(len(statistics), (place + 1) * self.stretch - first)
            peak = max(statistics[done:until])
            if place < len(self.peaks):
                self.peaks[place] = max(self.peaks[place], peak)
            else:
                self.peaks.append(peak)
            done = until
            if len(self.peaks) > CURVE_POINTS:
                pairs = zip(self.peaks[::2], [*self.peaks[1::2], 0.0], strict=False)
                self.peaks = [max(pair) for pair in pairs]
                self.stretch *= 2

    def points(self, count: int) -> tuple[tuple[int, float], ...]:
        """Observation numbers, each the end of a stretch, with the peak in it."""
        ends = (min(count, (n + 1) * self.stretch) for n in range(len(self.peaks)))
        return tuple(zip(ends, self.peaks, strict=True))


@dataclass(slots=True)
class Detector:
    """A plan at work: what it saw, and its statistic."""

    plan: Plan
    edetector: EDetector
    alarms: int = 0
    last: int | None = None
    """Observations that it had seen at its last alarm."""
    curve: Curve = field(default_factory=Curve)

    def fold(self, observations: Sequence[Observation]) -> tuple[list[Observation], Folded]:
        """Fold the next observations; returns those that it could read, and the result."""
        seen = [one for one in observations if self.plan.has(one)]
        if not seen:
            return [], Folded(np.empty(0), ())
        first = self.edetector.count
        folded = self.edetector.fold(self.plan.read(seen))
        self.curve.add(first, folded.statistics.tolist())
        return seen, folded


def detectors(
    contract: Contract,
    reference: Sequence[ScoredRow],
    limits: MonitoringSettings,
    vectors: Vectors,
    custom: Mapping[str, RateDetector] = MappingProxyType({}),
    without: Collection[str] = (),
) -> list[Detector]:
    """All detectors that apply; each has the overall run length times their number.

    So all of them together raise at most one false alarm in `limits.arl` requests
    (`fullturn.statistics.edetector`). `custom` are detectors of the project, by origin; they
    share the same budget. `without` names detectors that have nothing to read.
    """
    plans = [
        *_columns(contract, reference, vectors),
        *_quality(reference, limits),
        *_service(contract, reference, limits),
        *_scoring(reference, limits),
    ]
    plans = [plan for plan in plans if plan.name not in without]
    plans += custom_plans(custom, reference, [plan.name for plan in plans])
    arl = limits.arl * len(plans)
    return [Detector(plan, EDetector(plan.bets, arl, limits.cooldown_requests)) for plan in plans]


def scored(reference: Sequence[ScoredRow]) -> list[ScoredRow]:
    """The rows whose loss is known: a reference that nobody scored has none."""
    return [row for row in reference if row.scores or row.loss is not None]


def violations(rows: Sequence[Input], contract: Contract) -> list[bool]:
    """Whether each request breaks the contract."""
    columns = {column.name: column for column in contract.columns if column.role == "input"}
    odd = (number for number, row in enumerate(rows) if row.keys() != columns.keys())
    wrong = {number for number in odd if _violates(rows[number], contract)}
    for name, column in columns.items():
        wrong.update(stored_values([row.get(name) for row in rows], column)[1])
    return [number in wrong for number in range(len(rows))]


def _violates(row: Input, contract: Contract) -> bool:
    try:
        checked(row, contract)
    except DataError:
        return True
    return False


def _columns(
    contract: Contract, reference: Sequence[ScoredRow], vectors: Vectors
) -> Iterator[Plan]:
    reference = _thinned(reference)
    for column in watched(contract, reference):
        before = [row.input if column.side == "input" else row.output for row in reference]
        bets = _bets(column, column.values(before), vectors)
        if bets is not None:
            what = f"{_NOUN[column.kind]} of the {column.side} '{column.column}' changed"
            yield Plan(column.name, what, bets, _reader(column, vectors), _HAS[column.side])


def _thinned(reference: Sequence[ScoredRow]) -> list[ScoredRow]:
    """At most four rows of a group: ranks assume independent rows, which paraphrases are not."""
    taken = Counter[str]()
    usable = []
    for row in reference:
        taken[row.group] += 1
        if taken[row.group] <= _FROM_GROUP:
            usable.append(row)
    return usable


_FROM_GROUP = 4
_NOUN = {
    "number": "the distribution",
    "category": "the shares of the values",
    "text": "the subject",
    "length": "the length",
}
_HAS: dict[str, Callable[[Observation], bool]] = {
    "input": lambda one: True,
    "output": lambda one: one.prediction.output is not None,
}


def _bets(column: Watched, before: Sequence[Any], vectors: Vectors) -> Bets | None:
    # A seed of its own for each, so that ties are broken independently.
    seed = zlib.crc32(column.name.encode())
    if column.kind == "category":
        return CategoryBets(before, seed)
    if column.kind == "text":
        return VectorBets(vectors(before), seed) if len(before) >= 2 * TEACH else None
    return NumberBets(before, seed)


def _reader(column: Watched, vectors: Vectors) -> Read:
    def cells(observations: Sequence[Observation]) -> list[Any]:
        if column.side == "input":
            return column.values([one.prediction.input for one in observations])
        return column.values([one.prediction.output or {} for one in observations])

    return (lambda some: vectors(cells(some))) if column.kind == "text" else cells


def _quality(reference: Sequence[ScoredRow], limits: MonitoringSettings) -> Iterator[Plan]:
    reference = scored(reference)
    if not reference:
        return
    losses = [row.bounded_loss for row in reference]
    most = sum(losses) / len(losses) + limits.margin
    if most < 1:
        yield Plan(
            QUALITY,
            f"the mean loss is above {most:.3f}, the reference's plus the margin",
            MeanBets(most),
            lambda some: [one.loss for one in some],
            lambda one: one.loss is not None and one.unscored is None,
            labelled=True,
        )
    sure = [as_number(row.output.get(CONFIDENCE)) for row in reference]
    if most < 1 and all(value != MISSING for value in sure):
        estimated = EstimatedLoss.learned(sure, losses)
        yield Plan(
            ESTIMATE,
            f"the loss estimated from confidence is above {most:.3f} (an estimate: no labels)",
            MeanBets(most),
            lambda some: estimated.of([confidence_of(one) for one in some]),
            lambda one: confidence_of(one) != MISSING,
        )


def confidence_of(one: Observation) -> float:
    """The confidence of an answer; infinity if it states none."""
    return as_number((one.prediction.output or {}).get(CONFIDENCE))


def _service(
    contract: Contract, reference: Sequence[ScoredRow], limits: MonitoringSettings
) -> Iterator[Plan]:
    slow = limits.slow_ms / 1000
    before = {
        CONTRACT: sum(violations([row.input for row in reference], contract)),
        ERRORS: 0,
        SLOW: sum(row.latency > slow for row in reference),
    }
    reads: dict[str, Read] = {
        CONTRACT: lambda some: [
            float(one) for one in violations([one.prediction.input for one in some], contract)
        ],
        ERRORS: _each(lambda one: one.prediction.output is None),
        SLOW: _each(lambda one: one.prediction.latency > slow),
    }
    for name, read in reads.items():
        most = before[name] / len(reference) + limits.rate_margin
        if most < 1:
            what = f"the share of {_RATES[name]} is above {most:.3f}, the reference's plus a margin"
            yield Plan(name, what, MeanBets(most), read, lambda one: True)


def _scoring(reference: Sequence[ScoredRow], limits: MonitoringSettings) -> Iterator[Plan]:
    """Without scores the quality is unknown: unusable labels differ from missing ones."""
    if not scored(reference):
        return
    most = limits.rate_margin
    yield Plan(
        SCORING,
        f"the share of labelled answers that the app could not score is above {most:.3f}",
        MeanBets(most),
        _each(lambda one: one.unscored is not None),
        lambda one: one.loss is not None,
        labelled=True,
    )


_RATES = {
    CONTRACT: "requests that break the contract",
    ERRORS: "requests without an answer",
    SLOW: "slow answers",
}


def _each(test: Callable[[Observation], bool]) -> Read:
    return lambda some: [float(test(one)) for one in some]
