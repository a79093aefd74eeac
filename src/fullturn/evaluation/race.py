"""A race: a candidate is scored row by row, and stops when it is shown to be worse."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fullturn.core.entities import Dataset, Evaluation, Example, ScoredRow
from fullturn.core.errors import DataError
from fullturn.core.settings import ExperimentSettings
from fullturn.evaluation.scoring import answer, batch_rows, batches, check_names
from fullturn.statistics.intervals import Interval, cluster_mean
from fullturn.statistics.sequential import EProcess
from fullturn.subjects.protocols import Predictor, Scorer

LOOK = 4
"""Groups answered between two looks; the test is valid at every look."""


@dataclass(frozen=True, slots=True)
class Race:
    """How a candidate did against the best so far."""

    evaluation: Evaluation
    stopped: bool
    groups: int
    of_groups: int
    e_value: float
    weights: tuple[int, ...]
    """How many rows each answered one represents: the rows of its group, if it was stopped."""

    def mean(self, metric: str) -> float:
        """The mean of a score over all rows, estimated from the answered ones."""
        scores = self.evaluation.column(metric)
        return float(np.average(scores, weights=self.weights)) if scores else 0.0

    @property
    def interval(self) -> Interval:
        """The primary score at 95 %; one group alone says nothing, so it spans [0, 1]."""
        evaluation, primary = self.evaluation, self.evaluation.metrics[0]
        if len(set(evaluation.groups)) < 2:
            return Interval(self.mean(primary), 0.0, 1.0, 0.95)
        scores = np.repeat(evaluation.column(primary), self.weights)
        return cluster_mean(scores, np.repeat(evaluation.groups, self.weights))


def race(
    app: Scorer,
    predictor: Predictor,
    data: Dataset,
    best: Mapping[str, float] | None,
    subject: str,
    settings: ExperimentSettings,
    log: Callable[[int, Mapping[str, float]], None],
) -> Race:
    """Score a candidate on the validation split against the best so far.

    `best` has that one's loss of each row, if there is one. One row of each group is
    answered first, in an order drawn from the seed; rows of a group repeat one another, so this
    is the most informative order. A candidate that is not stopped answers the rest. The test is an
    e-process on the difference of a row drawn from a group: stopping a candidate that is not worse
    has probability at most `race_alpha`, however often one looks (Ville's inequality). After each
    look, `log` gets the number of answers, their mean primary score and the e-value.
    """
    examples, version = data.split("validation"), data.version
    if not examples:
        raise DataError(
            f"'{version.name}' version {version.version} has {version.rows} rows and none of them "
            "in the validation split, on which candidates race: commit more rows"
        )
    started = time.perf_counter()
    first, rest = _one_of_each_group(examples, settings.seed)
    process, rows, looked = EProcess(), list[ScoredRow](), 0
    for part in batches(first, LOOK if best else batch_rows(app)):
        answered = answer(app, predictor, part)
        rows += answered
        looked += len(part)
        for worse_by in _losses(answered, best or {}):
            process.update(worse_by)
        log(looked, {"race.score": _mean(rows), "race.e_value": process.e_value})
        if process.rejects(settings.race_alpha):
            break
    stopped = looked < len(first)
    if not stopped:
        rows += [
            row for part in batches(rest, batch_rows(app)) for row in answer(app, predictor, part)
        ]
    seconds = time.perf_counter() - started
    check_names(rows)
    evaluation = Evaluation(
        subject, version.name, "validation", tuple(rows), len(examples), seconds
    )
    weights = _weights(rows, examples, stopped)
    return Race(evaluation, stopped, looked, len(first), process.e_value, weights)


def recalled(
    evaluation: Evaluation, data: Dataset, stopped: bool, groups: tuple[int, int], e_value: float
) -> Race:
    """A race that was run before, from its stored evaluation and tags."""
    examples = data.split("validation")
    return Race(evaluation, stopped, *groups, e_value, _weights(evaluation.rows, examples, stopped))


def _weights(
    rows: Sequence[ScoredRow], examples: Sequence[Example], stopped: bool
) -> tuple[int, ...]:
    sizes = Counter(e.group for e in examples) if stopped else {}
    return tuple(sizes.get(row.group, 1) for row in rows)


def _one_of_each_group(
    examples: Sequence[Example], seed: int
) -> tuple[list[Example], list[Example]]:
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    draw = random.Random(seed)
    names = sorted(groups)
    draw.shuffle(names)
    first = [groups[name].pop(draw.randrange(len(groups[name]))) for name in names]
    return first, [example for name in names for example in groups[name]]


def _mean(rows: Sequence[ScoredRow]) -> float:
    scores = [next(iter(row.scores.values())) for row in rows]
    return sum(scores) / len(scores) if scores else 0.0


def _losses(rows: Sequence[ScoredRow], best: Mapping[str, float]) -> list[float]:
    """How much more than the best so far was lost on these rows, in [-1, 1]."""
    return [row.bounded_loss - best[row.id] for row in rows if row.id in best]
