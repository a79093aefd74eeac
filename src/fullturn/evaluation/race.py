"""A race: a candidate is scored group by group, and stops when it is shown to be worse."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fullturn.apps.protocols import App, Predictor
from fullturn.entities import DatasetVersion, Evaluation, Example, ScoredRow
from fullturn.errors import DataError
from fullturn.evaluation.scoring import answer, check_names
from fullturn.settings import ExperimentSettings
from fullturn.statistics.sequential import EProcess

CHUNK = 4
"""Groups answered between two looks; the test is valid at every look."""


@dataclass(frozen=True, slots=True)
class Race:
    """How a candidate did against the best so far."""

    evaluation: Evaluation
    stopped: bool
    groups: int
    of_groups: int
    e_value: float


def race(
    app: App,
    predictor: Predictor,
    examples: Sequence[Example],
    data: DatasetVersion,
    best: Mapping[str, float] | None,
    subject: str,
    settings: ExperimentSettings,
) -> Race:
    """Score a candidate against `best`, the primary score of each row of the best so far.

    Groups come in an order drawn from the seed. The test is an e-process on the mean difference
    of a group: stopping a candidate that is not worse has probability at most `race_alpha`,
    however often one looks (Ville's inequality).
    """
    if not examples:
        raise DataError(f"'{data.name}' version {data.version} has no rows to race on")
    started = time.perf_counter()
    groups = _shuffled_groups(examples, settings.seed)
    process, rows, looked = EProcess(), list[ScoredRow](), 0
    for start in range(0, len(groups), CHUNK):
        chunk = groups[start : start + CHUNK]
        answered = answer(app, predictor, [example for group in chunk for example in group])
        rows += answered
        looked += len(chunk)
        for difference in _group_differences(answered, best) if best else ():
            process.update(difference)
        if process.rejects(settings.race_alpha):
            break
    seconds = time.perf_counter() - started
    check_names(rows)
    evaluation = Evaluation(
        subject, data.name, examples[0].split, tuple(rows), sum(map(len, groups)), seconds
    )
    return Race(evaluation, looked < len(groups), looked, len(groups), process.e_value)


def _shuffled_groups(examples: Sequence[Example], seed: int) -> list[list[Example]]:
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    return [groups[name] for name in names]


def _group_differences(rows: Sequence[ScoredRow], best: Mapping[str, float]) -> list[float]:
    """How much better the best so far did, per group, in [-1, 1]."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.id in best:
            primary = next(iter(row.scores.values()))
            groups.setdefault(row.group, []).append(best[row.id] - primary)
    return [sum(values) / len(values) for values in groups.values()]
