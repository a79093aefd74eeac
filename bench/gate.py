"""How often the gate's comparison with the champion errs, beside three simpler gates.

    python bench/gate.py [-n 500] [--json] [--keep]

Synthetic evaluations, no model behind them: the true difference between candidate and champion
is known, so errors can be counted. A question comes in one to four paraphrases, which share its
luck in seven cases of ten; `discordance` is the share of rows in which equally good ones differ.
Every gate judges the same pairs; the simpler ones do not know which rows belong together:

    mean          the candidate's mean is not below the champion's
    z-test        an unpaired z-test at 5 % does not find the candidate worse
    z-test+margin an unpaired z-test at 5 % finds it less than the margin worse

Below them, `gate_metrics.py` counts the errors on metrics over the set and in raw units,
`gate_floors.py` those of floors and slices, and `gate_near.py` those on models that are almost one.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, count, groupby, product, repeat
from statistics import mean

import numpy as np
import numpy.typing as npt

from fullturn.core.entities import CheckResult, DatasetVersion, Evaluation, ScoredRow
from fullturn.core.settings import GateSettings
from fullturn.gates import Evidence, compute_check
from fullturn.gates.quality import NonInferior
from fullturn.statistics.inputs import Codes, Floats
from gate_floors import FLOOR_CASES
from gate_floors import measure as measure_floors
from gate_floors import table as floors_table
from gate_floors import worst as worst_floors
from gate_metrics import CASES
from gate_metrics import measure as measure_metrics
from gate_metrics import table as metrics_table
from gate_metrics import worst as worst_metrics
from gate_near import NEAR_CASES
from gate_near import measure as measure_near
from gate_near import table as near_table
from gate_near import worst as worst_near
from results import save, typed

LIMITS = GateSettings()
RIGHT = 0.75
"""How often both are right where they do not differ."""
SHARED = 0.7
"""How many rows of a group share its luck."""
SCORES = {False: {"accuracy": 0.0}, True: {"accuracy": 1.0}}
SLICES = ({"half": "first"}, {"half": "second"})
Z_AT_5_PERCENT = 1.6449
FEW = 20
"""Below so many pairs a ratio to them says nothing."""
DATA = DatasetVersion(
    name="synthetic",
    version=1,
    digest="0" * 64,
    uri="none",
    rows=0,
    splits={},
    parent=None,
    added=0,
    removed=0,
    changed=0,
    message="made by a random number generator",
    actor="bench",
    created="2026-01-01T00:00:00+00:00",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """So many questions, and a candidate whose true score is lower by so many margins."""

    groups: int
    discordance: float
    margins: int = 0

    @property
    def loss(self) -> float:
        """In score points."""
        return self.margins * LIMITS.margin


SETTINGS = tuple(
    Setting(groups, discordance, margins)
    for margins, groups, discordance in product(range(4), (150, 400), (0.02, 0.08, 0.2))
)


@dataclass(frozen=True, slots=True)
class Rates:
    """How pairs of one setting were judged: all but `rows`, a mean, are shares of the pairs."""

    setting: Setting
    rows: float
    foretold: float
    """Mean chance to pass that the gate reported for an equally good candidate."""
    failed: float
    inconclusive: float
    passed: float
    mean_passed: float
    z_test_passed: float
    z_test_margin_passed: float


def draw(rng: np.random.Generator, setting: Setting) -> tuple[Evaluation, Evaluation]:
    """Candidate and champion on the same rows."""
    groups = np.repeat(np.arange(setting.groups), rng.integers(1, 5, setting.groups))
    gained = setting.discordance / 2
    which, both = _luck(rng, groups), _luck(rng, groups) < RIGHT
    won, lost = which > 1 - gained, which < gained + setting.loss
    return (
        evaluation("candidate", won | both & ~lost, groups),
        evaluation("champion", lost | both & ~won, groups),
    )


def evaluation(subject: str, right: npt.NDArray[np.bool_], groups: Codes) -> Evaluation:
    """An evaluation in which these rows are right; it has two slices."""
    rows = tuple(
        ScoredRow(f"row-{n}", f"question-{group}", SLICES[n % 2], {}, {}, SCORES[score], 0.01)
        for n, (score, group) in enumerate(zip(right.tolist(), groups.tolist(), strict=True))
    )
    return Evaluation(subject, DATA.name, "test", rows, len(rows), 1.0)


def judged(candidate: Evaluation, champion: Evaluation) -> CheckResult:
    """What the gate's comparison with the champion says."""
    evidence = Evidence(
        subject="run",
        champion_name="version 1",
        dataset=DATA,
        candidate=candidate,
        champion=champion,
    )
    return compute_check(NonInferior, evidence, LIMITS)


def simpler(candidate: Evaluation, champion: Evaluation) -> tuple[bool, bool, bool]:
    """Whether the pair passes the three simpler gates."""
    ours, theirs, rows = candidate.mean("accuracy"), champion.mean("accuracy"), len(candidate.rows)
    pooled = (ours + theirs) / 2
    chance = Z_AT_5_PERCENT * math.sqrt(2 * pooled * (1 - pooled) / rows)
    lead = ours - theirs
    return lead >= 0, lead >= -chance, lead > chance - LIMITS.margin


def measure(setting: Setting, pairs: int, seed: int) -> Rates:
    """Draw and judge so many pairs."""
    rng = np.random.default_rng(seed)
    drawn = (draw(rng, setting) for _ in range(pairs))
    found = [
        (len(ours.rows), judged(ours, theirs), simpler(ours, theirs)) for ours, theirs in drawn
    ]
    outcomes = [result.outcome for _, result, _ in found]
    chances = [result.figures.get("pass_probability") for _, result, _ in found]
    by_mean, by_z_test, by_margin = np.mean([passed for _, _, passed in found], axis=0)
    return Rates(
        setting=setting,
        rows=mean(rows for rows, _, _ in found),
        foretold=mean(chance for chance in chances if chance is not None),
        failed=outcomes.count("FAILED") / pairs,
        inconclusive=outcomes.count("INCONCLUSIVE") / pairs,
        passed=outcomes.count("PASSED") / pairs,
        mean_passed=float(by_mean),
        z_test_passed=float(by_z_test),
        z_test_margin_passed=float(by_margin),
    )


def _luck(rng: np.random.Generator, groups: Codes) -> Floats:
    """Uniform numbers, the same one within a group in a share SHARED of its rows."""
    own, shared = rng.random(groups.size), rng.random(groups[-1] + 1)[groups]
    return np.where(rng.random(groups.size) < SHARED, shared, own)


def table(rates: Sequence[Rates], pairs: int) -> Iterator[str]:
    error = 200 * math.sqrt(LIMITS.alpha * (1 - LIMITS.alpha) / pairs)
    yield (
        f"{pairs} synthetic pairs a line, margin {LIMITS.margin}, alpha {LIMITS.alpha}; "
        f"two standard errors of a rate at alpha: {error:.1f} %"
    )
    yield f"{'':26}{'the gate, %':^45}{'passed by simpler gates, %':^33}"
    yield (
        f"{'groups':>6}{'rows':>7}{'discordance':>13}"
        f"{'FAILED':>9}{'INCONCLUSIVE':>14}{'PASSED':>9}{'(foretold)':>12}"
        f"{'mean':>9}{'z-test':>9}{'z-test+margin':>15}"
    )
    for margins, section in groupby(rates, lambda rate: rate.setting.margins):
        yield from _section(margins, list(section), pairs)


def _section(margins: int, rates: Sequence[Rates], pairs: int) -> Iterator[str]:
    yield declared(margins)
    for rate in rates:
        setting = rate.setting
        label = f"{setting.groups:>6}{rate.rows:>7.0f}{setting.discordance:>13g}"
        yield _line(label, _shares(rate), f"({100 * rate.foretold:.1f})" if margins == 0 else "")
    average = [mean(column) for column in zip(*map(_shares, rates), strict=True)]
    yield _line("on average", average)
    _, _, ours, *others = average
    if ours * pairs * len(rates) >= FEW:
        by_mean, z_test, margin = (f"{other / ours:.1f} ×" for other in others)
        label = "passed, for each one that the gate passes"
        yield f"{label:70}{by_mean:>9}{z_test:>9}{margin:>15}"


def declared(margins: int) -> str:
    """The error rate that the gate declares for a candidate worse by so many margins."""
    most = f"at most {100 * LIMITS.alpha:g} %"
    if margins == 0:
        return f"equally good; declared: FAILED {most}, PASSED as foretold"
    return f"worse by {margins} margin{'s' if margins > 1 else ''}; declared: PASSED {most}"


def cited(rates: Sequence[Rates], pairs: int) -> dict[str, float]:
    """What the lesson shows, in per cent: averages over the settings of so many margins."""
    found: dict[str, float] = {"pairs": pairs * len(rates), "alpha": 100 * LIMITS.alpha}
    found["margin"] = 100 * LIMITS.margin
    for margins, section in groupby(rates, lambda rate: rate.setting.margins):
        shares = [mean(column) for column in zip(*map(_shares, section), strict=True)]
        failed, _, *passed = (round(100 * share, 1) for share in shares)
        found[f"failed.worse_{margins}"] = failed
        for name, share in zip(("gate", "mean", "z_test", "z_test_margin"), passed, strict=True):
            found[f"passed.worse_{margins}.{name}"] = share
    return found


def _shares(rate: Rates) -> tuple[float, ...]:
    ours = rate.failed, rate.inconclusive, rate.passed
    return *ours, rate.mean_passed, rate.z_test_passed, rate.z_test_margin_passed


def _line(label: str, shares: Sequence[float], note: str = "") -> str:
    failed, inconclusive, passed, *simpler_gates = (100 * share for share in shares)
    ours = f"{failed:9.1f}{inconclusive:14.1f}{passed:9.1f}{note:>12}"
    return f"{label:26}{ours}" + "{:9.1f}{:9.1f}{:15.1f}".format(*simpler_gates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", type=int, default=500, help="pairs per setting (default: 500)")
    parser.add_argument("--json", action="store_true", help="print all rates as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    if arguments.n < 1:
        parser.error(f"-n {arguments.n}: give at least 1")
    pairs = arguments.n
    with ProcessPoolExecutor() as pool:
        rates = list(pool.map(measure, SETTINGS, repeat(pairs), count()))
        if arguments.json:
            result = {"pairs": pairs, "limits": LIMITS.model_dump(), "rates": rates}
            print(json.dumps(result, default=asdict, indent=2))
            return
        print("\n".join(table(rates, pairs)), flush=True)
        metrics = list(
            chain.from_iterable(
                pool.map(measure_metrics, CASES, repeat(pairs), count(), repeat(DATA))
            )
        )
        print("\n".join(metrics_table(metrics, pairs)), flush=True)
        floors = list(
            chain.from_iterable(
                pool.map(measure_floors, FLOOR_CASES, repeat(pairs), count(), repeat(DATA))
            )
        )
        print("\n".join(floors_table(floors, pairs)), flush=True)
        near = list(pool.map(measure_near, NEAR_CASES, repeat(pairs), count(), repeat(DATA)))
        print("\n".join(near_table(near, pairs)), flush=True)
    if arguments.keep:
        others = worst_metrics(metrics) | worst_floors(floors) | worst_near(near)
        save("gate", typed(), cited(rates, pairs) | others)


if __name__ == "__main__":
    main()
