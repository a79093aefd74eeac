"""How often comparisons of F1, ROC-AUC and RMSE err, beside three other bootstraps.

    python bench/metrics.py [-n 500]

Synthetic rows, no model behind them: the true difference is known. The candidate is worse by
exactly the margin, so at most 5 % may pass, and at most 5 % may be called worse than that.
`power` is the share that passes at a margin 2.5 standard errors wider; 80 % is what a test with
exact error rates would reach. Groups share half of their noise; in `uneven` ones, one in ten
has 20 rows. The others get the same differences, made linear in the same way.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtr, ndtri

from fullturn.core.entities import ScoredRow
from fullturn.metrics import Difference, Metric, difference, find
from fullturn.statistics.inputs import Codes, Floats

ALPHA = 0.05
RESAMPLES = 999
EFFECT = 2.5
SHARED = 0.7
"""Share of the noise that candidate and reference have in common."""
OTHERS = ("percentile", "BCa", "studentised")


@dataclass(frozen=True, slots=True)
class Setting:
    """A metric, how many groups, and whether a few of them contain many of the rows."""

    metric: str
    groups: int
    uneven: bool
    prevalence: float = 0.3
    """Of the label; for RMSE, nothing."""
    heavy_tails: bool = False
    """Whether errors follow a t distribution with 5 degrees of freedom."""

    @property
    def levels(self) -> tuple[float, float]:
        """How far candidate and reference separate the labels, or how large their errors are."""
        return (1.1, 1.0) if self.metric == "rmse" else (1.5, 2.0)

    @property
    def truth(self) -> float:
        """Candidate minus reference, in closed form; positive is better."""
        ours, theirs = (self.true_level(level) for level in self.levels)
        return ours - theirs

    def true_level(self, level: float) -> float:
        """Of one subject, positive is better."""
        if self.metric == "rmse":
            return -level * (math.sqrt(5 / 3) if self.heavy_tails else 1.0)
        if self.metric == "roc_auc":
            return float(ndtr(level / math.sqrt(2)))
        hits, alarms = float(ndtr(level - 1)), float(ndtr(-1))
        share = self.prevalence
        return 2 * share * hits / (share + share * hits + (1 - share) * alarms)


SETTINGS = tuple(
    setting
    for groups, uneven in product((30, 100, 300), (False, True))
    for setting in (
        Setting("f1(yes)", groups, uneven, prevalence=0.1),
        Setting("f1(yes)", groups, uneven),
        Setting("roc_auc", groups, uneven, prevalence=0.1),
        Setting("roc_auc", groups, uneven),
        Setting("rmse", groups, uneven),
        Setting("rmse", groups, uneven, heavy_tails=True),
    )
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows as arrays of shape (rows,)."""

    codes: Codes
    """The group of each."""
    expected: Floats
    """The value; or 1 with the label, 0 without it."""
    predicted: tuple[Floats, Floats]
    """Of candidate and reference: the value, or a score that is higher with the label."""


def draw(rng: np.random.Generator, setting: Setting) -> tuple[list[ScoredRow], list[ScoredRow]]:
    """Candidate and reference on the same rows."""
    found = columns(rng, setting)
    rows = _values if setting.metric == "rmse" else _labels
    ours, theirs = (rows(found.codes, found.expected, one) for one in found.predicted)
    return ours, theirs


def columns(rng: np.random.Generator, setting: Setting) -> Columns:
    """The same, without an object for each row."""
    sizes = rng.integers(1, 5, setting.groups)
    if setting.uneven:
        sizes = np.where(rng.random(setting.groups) < 0.1, 20, sizes)
    codes = np.repeat(np.arange(setting.groups), sizes)
    common = _noise(rng, codes)
    noises = [
        math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * _noise(rng, codes) for _ in range(2)
    ]
    if setting.metric == "rmse":
        tails = np.sqrt(5 / rng.chisquare(5, codes.size)) if setting.heavy_tails else 1.0
        expected = 3 * rng.normal(size=codes.size)
        ours, theirs = (
            expected + level * noise * tails
            for level, noise in zip(setting.levels, noises, strict=True)
        )
        return Columns(codes, expected, (ours, theirs))
    alike = rng.random(codes.size) < 0.5
    positive = np.where(alike, rng.random(setting.groups)[codes], rng.random(codes.size))
    wanted = (positive < setting.prevalence).astype(float)
    ours, theirs = (
        level * wanted + noise for level, noise in zip(setting.levels, noises, strict=True)
    )
    return Columns(codes, wanted, (ours, theirs))


def others(found: Difference, truth: float, rng: np.random.Generator) -> dict[str, float]:
    """p-values of "worse by the margin or more" by other bootstraps over the same groups."""
    kinds, counts = found.totals, found.totals.counts.astype(int)
    sums, sizes = np.repeat(kinds.sums, counts), np.repeat(kinds.sizes, counts)
    groups = sums.size
    weights = rng.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES).astype(float)
    rows = weights @ sizes
    means = weights @ sums / rows
    residuals = sums - found.estimate * sizes
    spread = (weights @ sums**2 - 2 * means * (weights @ (sums * sizes))) + means**2 * (
        weights @ sizes**2
    )
    errors = np.sqrt(np.maximum(spread, 1e-300)) / rows
    error = math.sqrt(float(residuals @ residuals)) / float(sizes.sum())
    below = float(np.mean(means <= truth))
    ratios = (means - found.estimate) / errors
    return {
        "percentile": below,
        "BCa": _accelerated(below, float(np.mean(means <= found.estimate)), residuals),
        "studentised": float(np.mean(ratios >= (found.estimate - truth) / max(error, 1e-300))),
    }


def _accelerated(below: float, centre: float, residuals: Floats) -> float:
    """The level at which the BCa bound is the truth (Efron, JASA 82, 1987, equation 2.3)."""
    least = 0.5 / RESAMPLES
    z, bias = (float(ndtri(min(max(p, least), 1 - least))) for p in (below, centre))
    skew = float(np.sum(residuals**3)) / (6 * float(np.sum(residuals**2)) ** 1.5 + 1e-300)
    shifted = z - bias
    return float(ndtr(shifted / (1 + skew * shifted) - bias))


def compared(setting: Setting, runs: int, seed: int) -> list[Difference]:
    """So many pairs."""
    rng, metric = np.random.default_rng(seed), find(setting.metric)
    return [difference(metric, *_drawn(rng, setting)) for _ in range(runs)]


def rates(setting: Setting, found: Sequence[Difference]) -> dict[str, float]:
    """Shares of pairs that passed, were called worse, and passed with a wider margin."""
    wider = EFFECT * float(np.std([one.estimate for one in found]))
    margin = -setting.truth
    return {
        "passed": float(np.mean([one.p_not_worse(margin) <= ALPHA for one in found])),
        "failed": float(np.mean([one.p_worse(margin) <= ALPHA for one in found])),
        "power": float(np.mean([one.p_not_worse(margin + wider) <= ALPHA for one in found])),
    }


def other_rates(setting: Setting, found: Sequence[Difference]) -> dict[str, float]:
    """Shares of pairs that passed by other bootstraps."""
    rng = np.random.default_rng(len(found))
    beside = [others(one, setting.truth, rng) for one in found]
    return {name: float(np.mean([one[name] <= ALPHA for one in beside])) for name in OTHERS}


def seconds(metric: Metric, rows: int = 5000) -> float:
    """How long one comparison takes, of single rows as groups."""
    setting = Setting("rmse" if metric.name == "rmse" else "roc_auc", rows // 2, uneven=False)
    pair = draw(np.random.default_rng(0), setting)
    started = time.perf_counter()
    found = difference(metric, *pair)
    found.p_not_worse(0.1), found.p_worse(0.1), found.detectable()
    return time.perf_counter() - started


def _drawn(
    rng: np.random.Generator, setting: Setting
) -> tuple[Sequence[ScoredRow], Sequence[ScoredRow]]:
    """Until both labels occur: without, there is nothing to compare."""
    while True:
        pair = draw(rng, setting)
        if setting.metric == "rmse" or len({row.expected["label"] for row in pair[0]}) == 2:
            return pair


def _noise(rng: np.random.Generator, codes: Codes) -> Floats:
    shared = rng.normal(size=int(codes[-1]) + 1)[codes]
    return math.sqrt(0.5) * (shared + rng.normal(size=codes.size))


def _labels(codes: Codes, wanted: Floats, scores: Floats) -> list[ScoredRow]:
    return [
        _row(
            number,
            group,
            {"label": ("no", "yes")[int(truth)]},
            {"label": ("no", "yes")[score > 1], "probabilities": {"yes": share, "no": 1 - share}},
        )
        for number, (group, truth, score, share) in enumerate(
            zip(codes, wanted.tolist(), scores.tolist(), ndtr(scores - 1).tolist(), strict=True)
        )
    ]


def _values(codes: Codes, expected: Floats, predicted: Floats) -> list[ScoredRow]:
    return [
        _row(number, group, {"value": truth}, {"value": value})
        for number, (group, truth, value) in enumerate(
            zip(codes, expected.tolist(), predicted.tolist(), strict=True)
        )
    ]


def _row(
    number: int, group: int, expected: dict[str, object], output: dict[str, object]
) -> ScoredRow:
    return ScoredRow(str(number), f"group-{group}", {}, {}, output, {}, 0.0, expected)


def table(runs: int, measured: Callable[[Setting, int, int], list[Difference]]) -> Iterator[str]:
    error = 200 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    yield f"{runs} pairs a line; two standard errors of a rate at {ALPHA:.0%}: {error:.1f} %"
    yield f"{'':43}{'fullturn, %':^25}{'passed by others, %':^35}"
    yield (
        f"{'metric':<9}{'groups':>7}{'uneven':>8}{'prevalence':>12}{'tails':>7}"
        f"{'passed':>9}{'failed':>8}{'power':>8}" + "".join(f"{name:>12}" for name in OTHERS)
    )
    for seed, setting in enumerate(SETTINGS):
        pairs = measured(setting, runs, seed)
        both = rates(setting, pairs) | other_rates(setting, pairs)
        found = {name: 100 * rate for name, rate in both.items()}
        rare = "" if setting.metric == "rmse" else f"{setting.prevalence:g}"
        yield (
            f"{setting.metric:<9}{setting.groups:>7}{'yes' if setting.uneven else 'no':>8}"
            f"{rare:>12}{'heavy' if setting.heavy_tails else '':>7}"
            f"{found['passed']:>9.1f}{found['failed']:>8.1f}{found['power']:>8.0f}"
            + "".join(f"{found[name]:>12.1f}" for name in OTHERS)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", type=int, default=500, help="pairs per setting (default: 500)")
    arguments = parser.parse_args()
    if arguments.n < 1:
        parser.error(f"-n {arguments.n}: give at least 1")
    for line in table(arguments.n, compared):
        print(line, flush=True)
    for name in ("f1(yes)", "roc_auc", "rmse"):
        print(f"{name}: {1000 * seconds(find(name)):.0f} ms for some 6,000 rows in 2,500 groups")


if __name__ == "__main__":
    main()
