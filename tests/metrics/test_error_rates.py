"""The error rates of metrics over the set are at most the declared ones; seeded simulations."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import mean

import numpy as np
import pytest
from bench.metrics import ALPHA, SETTINGS, Setting, compared, draw, other_rates, rates, table

from fullturn.core.entities import ScoredRow
from fullturn.metrics import difference, find, level
from tests.metrics.rows import labelled

pytestmark = pytest.mark.slow
RUNS = 200
TRUE_LEVEL = {"f1(yes)": 1, "roc_auc": 1, "rmse": -1}


def allowed(rate: float, runs: int = RUNS) -> float:
    """The rate and two Monte Carlo standard errors."""
    return rate + 2 * math.sqrt(rate * (1 - rate) / runs)


CASES = [
    Setting("f1(yes)", 60, uneven=True, prevalence=0.15),
    Setting("f1(yes)", 150, uneven=False),
    Setting("roc_auc", 60, uneven=True, prevalence=0.15),
    Setting("roc_auc", 150, uneven=False),
    Setting("rmse", 60, uneven=True, heavy_tails=True),
    Setting("rmse", 150, uneven=False),
]


@pytest.mark.parametrize("setting", CASES, ids=lambda s: f"{s.metric} in {s.groups} groups")
def test_a_candidate_worse_by_the_margin_is_rarely_passed_and_rarely_failed(
    setting: Setting,
) -> None:
    found = rates(setting, compared(setting, RUNS, seed=1))
    assert found["passed"] <= allowed(ALPHA)
    assert found["failed"] <= allowed(ALPHA)


def test_one_that_is_better_than_the_margin_demands_is_often_passed() -> None:
    settings = [Setting("f1(yes)", 150, uneven=False), Setting("rmse", 150, uneven=False)]
    found = (rates(setting, compared(setting, RUNS // 2, seed=2)) for setting in settings)
    assert mean(one["power"] for one in found) > 0.4


def test_the_others_err_more_often_than_they_declare() -> None:
    setting = Setting("roc_auc", 30, uneven=False, prevalence=0.1)
    pairs = compared(setting, RUNS, seed=3)
    assert rates(setting, pairs)["passed"] <= allowed(ALPHA)
    assert min(other_rates(setting, pairs).values()) > allowed(ALPHA)


@pytest.mark.parametrize("setting", CASES, ids=lambda s: f"{s.metric} in {s.groups} groups")
def test_the_interval_of_a_level_covers_it(setting: Setting) -> None:
    rng, metric = np.random.default_rng(4), find(setting.metric)
    true = setting.true_level(setting.levels[1]) * TRUE_LEVEL[setting.metric]
    found = [level(metric, draw(rng, setting)[1], 0.9) for _ in range(RUNS)]
    assert mean(one.low > true for one in found) <= allowed(0.05)
    assert mean(one.high < true for one in found) <= allowed(0.05)


def calibrated(rng: np.random.Generator, groups: int, sureness: float = 1.0) -> list[ScoredRow]:
    """Pairs of rows, right as often as stated; `sureness` above 1 states too much."""
    sure = rng.uniform(0.5, 0.95, groups).repeat(2)
    right = rng.random(groups * 2) < sure
    stated = np.clip(0.5 + (sure - 0.5) * sureness, 0, 1)
    rows = labelled(["yes"] * len(sure), np.where(right, "yes", "no").tolist())
    return [
        replace(row, group=str(n // 2), output={**row.output, "confidence": one})
        for n, (row, one) in enumerate(zip(rows, stated.tolist(), strict=True))
    ]


def test_the_calibration_error_that_few_rows_have_by_chance_is_no_evidence() -> None:
    rng, metric = np.random.default_rng(5), find("calibration_error")
    found = [level(metric, calibrated(rng, 100), 0.9) for _ in range(RUNS)]
    assert mean(one.estimate for one in found) > 0.03  # of a perfectly calibrated model
    assert mean(one.low > 0 for one in found) <= allowed(0.05)


def test_a_candidate_that_is_too_sure_by_the_margin_rarely_passes_against_a_calibrated_one() -> (
    None
):
    rng, metric = np.random.default_rng(6), find("calibration_error")
    margin = 0.1 * 0.225  # mean of what is added to the confidence
    found = [
        difference(metric, calibrated(rng, 150, 1.1), calibrated(rng, 150)) for _ in range(RUNS)
    ]
    biased = mean(one.estimate for one in found) + margin
    assert 0 < biased < mean(one.bias[0] for one in found)
    assert mean(one.p_not_worse(margin) <= ALPHA for one in found) <= allowed(ALPHA)
    assert mean(one.p_worse(margin) <= ALPHA for one in found) <= allowed(ALPHA)
    for one in found[:20]:
        assert (one.p_not_worse(-one.low) <= 0.025 + 1e-6) and one.low < one.estimate < one.high


def test_the_benchmark_prints_a_line_for_each_setting() -> None:
    lines = list(table(1, lambda *_: compared(Setting("rmse", 12, False), 2, 0)))
    assert len(lines) == 3 + len(SETTINGS)
    assert all(line.startswith(("f1", "roc_auc", "rmse")) for line in lines[3:])
