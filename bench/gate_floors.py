"""How often floors of metrics and of slices err: a gate with one floor, and with several.

`bench/gate.py` prints these rates below those of comparisons. The rows are those of
`bench/gate_metrics.py`, and beside them four scores of one app, of 50 to 98 %. Floors lie exactly
on the true values, those of 60,000 groups: one floor may then be passed, or failed, in 5 % of the
evaluations, and so may all together. `better` is a candidate whose true values are those of the
champion, beyond every floor. Slices are eight, of four values in two columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np

from fullturn.core.entities import DatasetVersion, Evaluation
from fullturn.core.settings import GateSettings
from fullturn.gates import Evidence, compute_check
from fullturn.gates.floors import Floors
from fullturn.gates.quality import Slices
from fullturn.metrics import Metric, level
from fullturn.metrics.metric import MeanScore
from gate_metrics import KINDS, TOGETHER, TRUTH, Case, evaluation, metric, pair

LEVELS = {"cited": 0.98, "right": 0.9, "complete": 0.75, "concise": 0.5}
"""True means of the scores; a row is above all of them or below by one luck in part."""
GAIN = 0.5
"""Share of the failures that a better candidate does not have."""
SHARED = 0.6
SLICES = 4
FLOOR = 0.75
"""Of slices, where the candidate is exactly on it."""
ALPHA = 0.05
FLOOR_CASES = tuple(
    Case(kind, *of) for kind, of in product(("scores", *KINDS), ((60, True), (300, False)))
)
Judge = Callable[[Evaluation, Mapping[str, float]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class FloorErrors:
    """Shares of evaluations."""

    case: Case
    metric: str
    passed: float
    """Of candidates that are exactly on the floors; so is `failed`."""
    failed: float
    better_failed: float
    better_passed: float


def measure(
    case: Case, runs: int, seed: int, data: DatasetVersion, truth: int = TRUTH
) -> list[FloorErrors]:
    """Draw and judge so many evaluations: each floor alone, then all in one gate, then slices."""
    rng, floors = np.random.default_rng(seed), _true_levels(case.kind, case.uneven, truth)
    drawn = [_candidates(rng, case) for _ in range(runs)]
    at, better = (
        [_judged(one, case, floors, data) for one in side] for side in zip(*drawn, strict=True)
    )
    names = list(at[0])
    return [
        FloorErrors(
            case,
            name,
            passed=[one[name] for one in at].count("PASSED") / runs,
            failed=[one[name] for one in at].count("FAILED") / runs,
            better_failed=[one[name] for one in better].count("FAILED") / runs,
            better_passed=[one[name] for one in better].count("PASSED") / runs,
        )
        for name in names
    ]


def _candidates(rng: np.random.Generator, case: Case) -> tuple[Evaluation, Evaluation]:
    """One that is on the floors, and a better one."""
    return _scored(rng, case) if case.kind == "scores" else pair(rng, case, equal=False)


def _scored(rng: np.random.Generator, case: Case) -> tuple[Evaluation, Evaluation]:
    sizes = rng.integers(1, 5, case.groups)
    if case.uneven:
        sizes = np.where(rng.random(case.groups) < 0.1, 20, sizes)
    codes = np.repeat(np.arange(case.groups), sizes)
    luck = np.where(
        rng.random(codes.size) < SHARED, rng.random(case.groups)[codes], rng.random(codes.size)
    )
    names = [f"group-{code}" for code in codes.tolist()]
    places = [
        {"style": f"style-{a}", "topic": f"topic-{b}"}
        for a, b in rng.integers(0, SLICES, (codes.size, 2)).tolist()
    ]
    true = np.array(list(LEVELS.values()))
    at, better = (
        [dict(zip(LEVELS, row, strict=True)) for row in np.where(luck[:, None] < shares, 1.0, 0.0)]
        for shares in (true, true + GAIN * (1 - true))
    )
    ours, theirs = (
        _with_scores(evaluation("candidate", names, {}, places), scores) for scores in (at, better)
    )
    return ours, theirs


def _with_scores(found: Evaluation, scores: Sequence[Mapping[str, float]]) -> Evaluation:
    rows = (replace(row, scores=one) for row, one in zip(found.rows, scores, strict=True))
    return replace(found, rows=tuple(rows))


def _metrics(kind: str) -> tuple[Metric, ...]:
    return tuple(map(MeanScore, LEVELS) if kind == "scores" else map(metric, KINDS[kind]))


@cache
def _true_levels(kind: str, uneven: bool, groups: int) -> dict[str, float]:
    if kind == "scores":
        return LEVELS
    candidate, _ = pair(np.random.default_rng(99), Case(kind, groups, uneven), equal=False)
    return {one.name: one.estimate(candidate.rows) for one in _metrics(kind)}


def _judged(
    candidate: Evaluation, case: Case, floors: Mapping[str, float], data: DatasetVersion
) -> dict[str, str]:
    """The outcome of each floor alone, of all together, and of slices."""
    scored = case.kind == "scores"
    metrics = _metrics(case.kind)
    evidence = Evidence(
        subject="run",
        champion_name=None,
        dataset=data,
        candidate=candidate,
        metrics=() if scored else metrics,
        primary="complete" if scored else "",
    )
    limits = GateSettings(floors=floors, slice_floor=FLOOR, alpha=ALPHA)
    found = {one.name: _alone(one, candidate, floors[one.name]) for one in metrics}
    found[TOGETHER] = compute_check(Floors, evidence, limits).outcome
    if scored:
        found[f"{2 * SLICES} slices"] = compute_check(Slices, evidence, limits).outcome
    return found


def _alone(one: Metric, candidate: Evaluation, floor: float) -> str:
    found = level(one, candidate.rows, 1 - 2 * ALPHA)
    above, below = found.low >= floor, found.high < floor
    if one.direction == "lower":
        above, below = found.high <= floor, found.low > floor
    return "PASSED" if above else "FAILED" if below else "INCONCLUSIVE"


def worst(errors: Sequence[FloorErrors]) -> dict[str, float]:
    """The highest rates of floors, in per cent: each alone, and all together."""
    floors = [one for one in errors if "slices" not in one.metric]
    together = [one for one in floors if one.metric == TOGETHER]
    return {
        "floors.passed.highest": round(100 * max(one.passed for one in floors), 1),
        "floors.failed.highest": round(100 * max(one.failed for one in floors), 1),
        "floors.together_failed.highest": round(100 * max(one.failed for one in together), 1),
        "slices.failed.highest": round(100 * max(e.failed for e in errors if e not in floors), 1),
    }


def table(errors: Iterable[FloorErrors], runs: int) -> Iterator[str]:
    """A line for each metric of a case."""
    yield ""
    yield (
        f"Floors of metrics and slices: {runs} evaluations a column, alpha {ALPHA}; two standard "
        f"errors of a rate at alpha: {200 * math.sqrt(ALPHA * (1 - ALPHA) / runs):.1f} %"
    )
    yield f"{'':41}{'exactly on the floor, %':^24}{'better, %':^24}"
    yield f"{'metric':<20}{'groups':>8}{'uneven':>8}{'':5}" + "".join(
        f"{name:>12}" for name in ("PASSED", "FAILED", "FAILED", "PASSED")
    )
    for one in errors:
        rates = (one.passed, one.failed, one.better_failed, one.better_passed)
        yield (
            f"{one.metric:<20}{one.case.groups:>8}{'yes' if one.case.uneven else 'no':>8}{'':5}"
            + "".join(f"{100 * rate:>12.1f}" for rate in rates)
        )
