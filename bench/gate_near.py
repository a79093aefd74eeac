"""How often the gate errs on ROC-AUC when candidate and champion answer almost all rows the same.

`bench/gate.py` prints these rates last. The candidate has the champion's scores, but ranks a share
of the rows with the label last, each independently: as many as cost exactly the margin. So few rows
differ that in many evaluations none does. Beside the gate, paired DeLong (Biometrics 44, 1988: the
normal distribution with the variance of the influence), which knows the spread of what it saw only;
so does every bootstrap.

`none differ` is the share of evaluations in which both answer every row the same, where these see a
difference of 0 ± 0. A test that errs in 5 % at most must not pass them, unless they are rarer than
5 %: that takes log(5 %) ÷ log(1 - margin) rows with the label, 99 for 3 points (the rule of three;
Hanley and Lippman-Hand, JAMA 249, 1983). `possible` is the largest share of pairs without any
difference that such a test may pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr

from fullturn.core.entities import DatasetVersion, Evaluation
from fullturn.core.settings import GateSettings
from fullturn.gates import Evidence, compute_check
from fullturn.gates.quality import NonInferior
from fullturn.metrics import Difference, difference
from fullturn.statistics.inputs import Floats
from gate_metrics import evaluation, labelled, metric

LIMITS = GateSettings()
Z_AT_5_PERCENT = 1.6449
LEVEL = 2.0
"""How far the champion separates the labels: an area of 0.92."""
AREA = float(ndtr(LEVEL / math.sqrt(2)))
TIED = 4
"""Values that a score with ties has."""
LAST = -10.0


@dataclass(frozen=True, slots=True)
class Near:
    """So many rows, each a group, or in pairs; a share of them has the label."""

    rows: int
    prevalence: float
    ties: bool = False
    pairs: bool = False

    @property
    def broken(self) -> float:
        """Share of the rows with the label that must be ranked last to lose the margin."""
        return LIMITS.margin / AREA


NEAR_CASES = (
    *(Near(rows, share) for rows, share in product((100, 470, 1500), (0.12, 0.5))),
    Near(470, 0.05),
    *(Near(470, share, ties=True) for share in (0.12, 0.5)),
    *(Near(470, share, pairs=True) for share in (0.12, 0.5)),
)


@dataclass(frozen=True, slots=True)
class NearErrors:
    """Shares of evaluations."""

    case: Near
    none_differ: float
    passed: float
    """Of candidates worse by the margin; so are the next two."""
    failed: float
    delong: float
    equal_passed: float
    """Of candidates that are equally good: as many rows are ranked last by either."""
    equal_failed: float
    possible: float


def measure(case: Near, runs: int, seed: int, data: DatasetVersion) -> NearErrors:
    """Draw and judge so many evaluations of each kind."""
    rng = np.random.default_rng(seed)
    outcomes, simple, none = list[str](), list[bool](), 0
    for _ in range(runs):
        both = draw(rng, case, equal=False)
        found = difference(metric("roc_auc"), both[0].rows, both[1].rows)
        outcomes.append(_judged(both, data))
        simple.append(_delong(found))
        none += not found.discordant_groups
    same = [_judged(draw(rng, case, equal=True), data) for _ in range(runs)]
    return NearErrors(
        case,
        none_differ=none / runs,
        passed=outcomes.count("PASSED") / runs,
        failed=outcomes.count("FAILED") / runs,
        delong=sum(simple) / runs,
        equal_passed=same.count("PASSED") / runs,
        equal_failed=same.count("FAILED") / runs,
        possible=min(1.0, LIMITS.alpha / (1 - case.broken) ** round(case.rows * case.prevalence)),
    )


def draw(rng: np.random.Generator, case: Near, *, equal: bool) -> tuple[Evaluation, Evaluation]:
    """Candidate and champion; `equal`: either has half of the rows that are ranked last."""
    wanted = (np.arange(case.rows) < round(case.rows * case.prevalence)).astype(float)
    scores = LEVEL * wanted + rng.normal(size=case.rows)
    codes = np.arange(case.rows) // (2 if case.pairs else 1)
    if case.ties:
        scores = np.floor(np.clip(scores, -1, TIED - 2))
    luck = np.repeat(rng.random(codes[-1] + 1), np.bincount(codes))
    broken = (luck < case.broken) & (wanted > 0)
    theirs = broken & (rng.random(codes[-1] + 1)[codes] < 0.5) if equal else np.zeros_like(broken)
    names = [f"group-{code}" for code in codes.tolist()]
    ours, champion = (
        evaluation(subject, names, labelled(wanted, ndtr(np.where(lost, LAST, scores) - 1)))
        for subject, lost in (("candidate", broken & ~theirs), ("champion", theirs))
    )
    return ours, champion


def _judged(both: tuple[Evaluation, Evaluation], data: DatasetVersion) -> str:
    evidence = Evidence(
        subject="run",
        champion_name="version 1",
        dataset=data,
        candidate=both[0],
        champion=both[1],
        metrics=(metric("roc_auc"),),
    )
    return compute_check(NonInferior, evidence, LIMITS).outcome


def _delong(found: Difference) -> bool:
    """Whether it passes paired DeLong."""
    totals = found.totals
    residuals: Floats = totals.sums - totals.mean * totals.sizes
    error = math.sqrt(float(totals.counts @ residuals**2)) / totals.rows
    return found.estimate + LIMITS.margin > Z_AT_5_PERCENT * error


def worst(errors: Sequence[NearErrors]) -> dict[str, float]:
    """The highest rates at which a candidate that is worse by the margin passes, in per cent."""
    return {
        "near.passed.highest": round(100 * max(one.passed for one in errors), 1),
        "near.delong_passed.highest": round(100 * max(one.delong for one in errors), 1),
    }


def table(errors: Iterable[NearErrors], runs: int) -> Iterator[str]:
    """A line for each case."""
    yield ""
    yield (
        f"ROC-AUC of a candidate that differs from the champion in few rows only, margin "
        f"{LIMITS.margin}: {runs} evaluations a column"
    )
    yield f"{'':39}{'worse by the margin, %':^46}{'equally good, %':^22}"
    yield f"{'rows':>6}{'with label':>12}{'':3}{'kind':<8}{'none differ':>13}" + "".join(
        f"{name:>11}" for name in ("PASSED", "FAILED", "DeLong", "PASSED", "FAILED", "possible")
    )
    for one in errors:
        case = one.case
        kind = "ties" if case.ties else "pairs" if case.pairs else ""
        rates = (one.passed, one.failed, one.delong)
        rates += (one.equal_passed, one.equal_failed, one.possible)
        yield (
            f"{case.rows:>6}{round(case.rows * case.prevalence):>12}{'':3}{kind:<8}"
            f"{100 * one.none_differ:>13.1f}" + "".join(f"{100 * rate:>11.1f}" for rate in rates)
        )
