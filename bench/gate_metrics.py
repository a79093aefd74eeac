"""How often the gate errs on metrics over the set and in raw units, on clustered rows.

`bench/gate.py` prints these rates below those of scores. The rows are those of `bench/metrics.py`:
groups share half of their noise, and in `uneven` settings one group in ten has 20 rows. The true
difference of a metric is that of 60,000 groups. It is the margin: a candidate that is worse by
exactly so much may pass, or fail, in 5 % of the pairs; one that is equally good may fail in 5 %.
A gate with several metrics passes a candidate only if all pass, and fails it if one fails.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit

from fullturn.core.entities import DatasetVersion, Evaluation, ScoredRow
from fullturn.core.settings import GateSettings
from fullturn.gates import Evidence, compute_check
from fullturn.gates.quality import NonInferior
from fullturn.metrics import find
from fullturn.metrics.answers import CachedRows
from fullturn.metrics.metric import Flags
from fullturn.statistics.inputs import Floats
from metrics import Setting, columns

LABELS = (
    "balanced_accuracy",
    "f1(yes)",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
)
VALUES = ("mae", "rmse", "r2", "mape", "quantile_loss(0.9)")
RANKINGS = ("ndcg(10)", "mrr")
KINDS = {"labels": LABELS, "values": VALUES, "rankings": RANKINGS}
PREVALENCE = 0.2
"""Of the label `yes`."""
SIDES = ((1.5, 1.4), (2.0, 1.0))
"""How far candidate and champion separate the labels, and how sure they are of it."""
OFFSET = 30.0
"""Values are around it instead of 0, so that an error is a share of them."""
TRUTH = 60_000
"""Groups from which the true difference is computed."""
Pair = tuple[Evaluation, Evaluation]


@dataclass(frozen=True, slots=True)
class Case:
    """Metrics of one kind on rows of so many groups."""

    kind: str
    groups: int
    uneven: bool

    @property
    def setting(self) -> Setting:
        """As `bench/metrics.py` draws it."""
        if self.kind == "values":
            return Setting("rmse", self.groups, self.uneven, heavy_tails=True)
        return Setting("roc_auc", self.groups, self.uneven, prevalence=PREVALENCE)

    @property
    def metrics(self) -> tuple[str, ...]:
        return KINDS[self.kind]


metric = cache(find)
"""By its name; to find one again is to look through all installed packages."""
CASES = tuple(Case(*of) for of in product(KINDS, (60, 300), (False, True)))
TOGETHER = "all together"


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of pairs, of one metric or of all together."""

    case: Case
    metric: str
    worse_passed: float
    """Of candidates that are worse by exactly the margin in every metric."""
    worse_failed: float
    equal_failed: float
    equal_passed: float


def pair(rng: np.random.Generator, case: Case, *, equal: bool) -> Pair:
    """Candidate and champion on the same rows; `equal`: equally good."""
    found = columns(rng, case.setting)
    while case.kind != "values" and np.ptp(found.expected) == 0:
        found = columns(rng, case.setting)
    predicted = [
        _predictors[case.kind](one, *side) for one, side in zip(found.predicted, SIDES, strict=True)
    ]
    if equal:  # exchanged in half of the groups, neither is better in any metric
        swapped = (rng.random(case.groups) < 0.5)[found.codes]
        predicted = [np.where(swapped, b, a) for a, b in (predicted, predicted[::-1])]
    expected = found.expected + OFFSET if case.kind == "values" else found.expected
    groups = [f"group-{code}" for code in found.codes.tolist()]
    ours, theirs = (
        evaluation(subject, groups, _read[case.kind](expected, one))
        for subject, one in zip(("candidate", "champion"), predicted, strict=True)
    )
    return ours, theirs


def evaluation(
    subject: str,
    groups: Sequence[str],
    read: Mapping[Hashable, Any],
    slices: Sequence[Mapping[str, str]] = (),
) -> Evaluation:
    """Rows of these groups with columns that have been read from them: making the rows and reading
    them again would take most of the time."""
    rows = CachedRows(
        ScoredRow(str(n), group, slices[n] if slices else {}, {}, {}, {}, 0.0, {})
        for n, group in enumerate(groups)
    )
    rows.columns = dict(read)
    return Evaluation(subject, "synthetic", "test", rows, len(rows), 1.0)


def measure(
    case: Case, pairs: int, seed: int, data: DatasetVersion, truth: int = TRUTH
) -> list[Errors]:
    """Draw and judge so many pairs of each kind: each metric alone, then all in one gate.

    The true differences are those of `truth` groups.
    """
    rng = np.random.default_rng(seed)
    limits = GateSettings(margins=margins(case, truth))
    worse, same = (
        [_judged(case, pair(rng, case, equal=equal), limits, data) for _ in range(pairs)]
        for equal in (False, True)
    )
    return [
        Errors(
            case,
            name,
            worse_passed=[one[name] for one in worse].count("PASSED") / pairs,
            worse_failed=[one[name] for one in worse].count("FAILED") / pairs,
            equal_failed=[one[name] for one in same].count("FAILED") / pairs,
            equal_passed=[one[name] for one in same].count("PASSED") / pairs,
        )
        for name in (*case.metrics, TOGETHER)
    ]


def margins(case: Case, truth: int = TRUTH) -> dict[str, float]:
    """How much worse the candidate truly is, by metric."""
    return _truth(case.kind, case.uneven, truth)


@cache
def _truth(kind: str, uneven: bool, groups: int) -> dict[str, float]:
    whole = Case(kind, groups, uneven)
    ours, theirs = pair(np.random.default_rng(99), whole, equal=False)
    found = {}
    for name in KINDS[kind]:
        one = metric(name)
        lost = one.estimate(theirs.rows) - one.estimate(ours.rows)
        found[name] = lost if one.direction == "higher" else -lost
        assert found[name] > 0, f"the candidate is not worse in {name}"
    return found


def _judged(case: Case, both: Pair, limits: GateSettings, data: DatasetVersion) -> dict[str, str]:
    """The outcome of the gate's comparison, of each metric alone and of all together."""
    metrics = tuple(map(metric, case.metrics))
    evidence = Evidence(
        subject="run",
        champion_name="version 1",
        dataset=data,
        candidate=both[0],
        champion=both[1],
        metrics=metrics,
    )
    found = compute_check(NonInferior, evidence, limits)
    alone = {}
    for name in case.metrics:
        figures, margin = found.figures["metrics"][name], limits.margins[name]
        # The interval agrees with the one-sided tests of one metric.
        passed, failed = figures["low"] > -margin, figures["high"] < -margin
        alone[name] = "PASSED" if passed else "FAILED" if failed else "INCONCLUSIVE"
    return {**alone, TOGETHER: found.outcome}


def _share(scores: Floats, level: float, sureness: float) -> Floats:
    """Probabilities as Bayes has them, the logit times `sureness`: above 1 it is too sure."""
    logits = level * scores - level**2 / 2 + math.log(PREVALENCE / (1 - PREVALENCE))
    return np.asarray(expit(sureness * logits))


def labelled(expected: Floats, shares: Floats) -> dict[Hashable, Any]:
    """The columns of rows with 1 or 0 and the probability of 1."""
    both = np.stack([1 - shares, shares], axis=1)
    return {
        "expected labels": _named(expected > 0),
        "predicted labels": _named(shares > 0.5),
        "given labels": ["no", "yes"],
        ("probabilities", "no", "yes"): both,
        ("probabilities", "no"): both[:, :1],
        ("probabilities", "yes"): both[:, 1:],
    }


def _valued(expected: Floats, predicted: Floats) -> dict[Hashable, Any]:
    return {"expected values": expected, "predicted values": predicted}


def _named(flags: Flags) -> list[str]:
    return np.where(flags, "yes", "no").tolist()  # type: ignore[no-any-return]


_predictors = {
    "labels": _share,
    "values": lambda values, level, sureness: values + OFFSET,
    "rankings": lambda scores, level, sureness: scores,
}
_read = {"labels": labelled, "values": _valued, "rankings": _valued}


def worst(errors: Sequence[Errors]) -> dict[str, float]:
    """The highest rates, in per cent."""
    return {
        "metrics.passed.highest": round(100 * max(one.worse_passed for one in errors), 1),
        "metrics.failed.highest": round(100 * max(one.worse_failed for one in errors), 1),
        "metrics.equal_failed.highest": round(100 * max(one.equal_failed for one in errors), 1),
    }


def table(errors: Iterable[Errors], pairs: int) -> Iterator[str]:
    """A line for each metric of a case."""
    yield ""
    yield (
        f"Metrics over the set and in raw units: {pairs} pairs a column, alpha 0.05; two standard "
        f"errors of a rate at alpha: {200 * math.sqrt(0.05 * 0.95 / pairs):.1f} %"
    )
    yield f"{'':41}{'worse by the margin, %':^24}{'equally good, %':^24}"
    yield f"{'metric':<20}{'groups':>8}{'uneven':>8}{'':5}" + "".join(
        f"{name:>12}" for name in ("PASSED", "FAILED", "FAILED", "PASSED")
    )
    for one in errors:
        rates = (one.worse_passed, one.worse_failed, one.equal_failed, one.equal_passed)
        yield (
            f"{one.metric:<20}{one.case.groups:>8}{'yes' if one.case.uneven else 'no':>8}{'':5}"
            + "".join(f"{100 * rate:>12.1f}" for rate in rates)
        )
