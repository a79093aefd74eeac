"""The error rates that the gate declares are the ones that happen.

Synthetic evaluations, no model behind them: the true difference is known (bench/gate.py draws
them, and prints the rates of more settings). Seeded, hence the same in every run.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from bench.gate import DATA, LIMITS, SETTINGS, Setting, declared, draw, judged, measure, table
from bench.gate_floors import measure as measure_floors
from bench.gate_floors import table as floors_table
from bench.gate_floors import worst as worst_floors
from bench.gate_metrics import KINDS, TOGETHER, Case
from bench.gate_metrics import measure as measure_metrics
from bench.gate_metrics import table as metrics_table
from bench.gate_near import Near
from bench.gate_near import measure as measure_near
from bench.gate_near import table as near_table

from fullturn.core.entities import Evaluation, Outcome
from fullturn.core.errors import SettingsError
from fullturn.core.settings import parse
from fullturn.gates import ALL, compute
from fullturn.metrics import difference
from fullturn.metrics.metric import MeanScore
from tests.gates.candidates import evidence

PAIRS = 200
GROUPS = 150


def allowed(rate: float) -> float:
    """The rate and two Monte Carlo standard errors."""
    return rate + 2 * math.sqrt(rate * (1 - rate) / PAIRS)


@pytest.mark.parametrize("discordance", [0.02, 0.08, 0.2])
def test_an_equally_good_candidate_is_blocked_no_more_often_than_declared(
    discordance: float,
) -> None:
    rates = measure(Setting(GROUPS, discordance), PAIRS, seed=1)
    assert rates.failed <= allowed(LIMITS.alpha)
    assert rates.failed + rates.inconclusive <= allowed(1 - rates.foretold)
    assert 0.1 < rates.foretold < 0.9


def test_a_candidate_worse_by_the_margin_is_rarely_passed_and_rarely_failed() -> None:
    rates = measure(Setting(GROUPS, 0.08, margins=1), PAIRS, seed=2)
    assert 0 < rates.passed <= allowed(LIMITS.alpha)
    assert 0 < rates.failed <= allowed(LIMITS.alpha)


def test_a_candidate_worse_by_more_is_blocked_and_the_worse_the_more_often_failed() -> None:
    two, three = (measure(Setting(GROUPS, 0.08, m), PAIRS // 2, seed=3) for m in (2, 3))
    assert two.passed == three.passed == 0
    assert LIMITS.alpha < two.failed < three.failed
    assert three.failed > 0.5


@pytest.mark.slow
def test_the_whole_gate_lets_a_good_candidate_equal_to_its_champion_through() -> None:
    """Only behaviour rows differ, by chance; with this many, that leaves a few gates open."""
    rng = np.random.default_rng(4)
    outcomes, foretold = zip(*(whole_gate(rng) for _ in range(PAIRS)), strict=True)
    assert outcomes.count("FAILED") == 0
    assert 0 < outcomes.count("INCONCLUSIVE") / PAIRS <= allowed(1 - float(np.mean(foretold)))


def whole_gate(rng: np.random.Generator) -> tuple[Outcome, float]:
    """The outcome of all checks, and the chance to pass those of behaviour."""
    candidate, other = draw(rng, Setting(GROUPS, 0.08))
    clean, perturbed = draw(rng, Setting(100, 0.05))
    same = evidence(
        candidate=candidate,
        champion=replace(candidate, subject="champion"),
        validation=other,
        baseline=weaker(rng, candidate),
        behaviours=dict.fromkeys(("typos", "case", "paraphrase"), (clean, perturbed)),
    )
    found = difference(MeanScore(clean.metrics[0]), perturbed.rows, clean.rows)
    chance = found.pass_probability(LIMITS.behaviour_margin, LIMITS.alpha)
    return compute(ALL, same, LIMITS, actor="ada").outcome, chance


def weaker(rng: np.random.Generator, whole: Evaluation) -> Evaluation:
    """The same rows, with half of the right answers lost."""
    lost = rng.random(len(whole.rows)) < 0.5
    rows = (
        replace(row, scores={"accuracy": row.scores["accuracy"] * (not gone)})
        for row, gone in zip(whole.rows, lost, strict=True)
    )
    return replace(whole, subject="baseline", rows=tuple(rows))


def test_the_chance_to_pass_is_told_for_the_primary_score() -> None:
    pair = draw(np.random.default_rng(5), Setting(GROUPS, 0.08))
    found = judged(*pair)
    chance = found.figures["pass_probability"]
    assert f"power: {100 * chance:.0f} % for an equally good candidate" in found.reason
    two = [
        replace(e, rows=tuple(replace(r, scores={**r.scores, "cited": 1.0}) for r in e.rows))
        for e in pair
    ]
    assert judged(*two).reason.endswith(
        f"power: {100 * chance:.0f} % for an equally good candidate on accuracy"
    )
    assert judged(*two).figures["pass_probability"] == chance


def test_no_chance_is_told_when_both_score_the_same() -> None:
    candidate, _ = draw(np.random.default_rng(6), Setting(GROUPS, 0.08))
    found = judged(candidate, candidate)
    assert found.outcome == "PASSED"
    assert "pass_probability" not in found.figures
    assert found.reason.endswith("both score the same in every row")


def test_a_chance_is_never_told_as_certain() -> None:
    pair = draw(np.random.default_rng(7), Setting(2000, 0.002))
    assert judged(*pair).figures["pass_probability"] > 0.995
    assert "power: 99 %" in judged(*pair).reason
    few = draw(np.random.default_rng(8), Setting(4, 0.9))
    assert "power: 1 %" in judged(*few).reason


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.95])
def test_an_error_rate_that_no_interval_can_have_is_refused(alpha: float) -> None:
    with pytest.raises(SettingsError, match=rf"'gates.alpha' = {alpha}"):
        parse({"name": "project", "gates": {"alpha": alpha}}, "fullturn.toml")


def test_the_benchmark_prints_a_line_for_each_setting() -> None:
    rates = [measure(setting, 1, seed=9) for setting in SETTINGS[::6]]
    lines = list(table(rates, pairs=1))
    assert [line for line in lines if "declared" in line] == [declared(m) for m in range(4)]
    assert sum(line.strip().startswith("150") for line in lines) == 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_metrics_over_the_set_and_in_raw_units_err_no_more_often_than_declared(kind: str) -> None:
    """A few pairs of clustered rows: gross errors only; `bench/gate.py` counts them finely."""
    pairs = 12
    found = measure_metrics(Case(kind, 40, uneven=True), pairs, 10, DATA, truth=1500)
    most = LIMITS.alpha + 2 * math.sqrt(LIMITS.alpha * (1 - LIMITS.alpha) / pairs)
    assert [one.metric for one in found] == [*KINDS[kind], TOGETHER]
    for one in found:
        assert max(one.worse_passed, one.worse_failed, one.equal_failed) <= most, one
    assert found[-1].worse_passed <= min(one.worse_passed for one in found)
    assert len(list(metrics_table(found, pairs))) == 4 + len(found)


@pytest.mark.slow
def test_several_floors_err_together_no_more_often_than_declared() -> None:
    """All floors lie on the true values, so each errs as often as it may."""
    found = measure_floors(Case("scores", 60, uneven=False), PAIRS // 2, 11, DATA)
    by_name = {one.metric: one for one in found}
    assert by_name[TOGETHER].failed <= allowed(LIMITS.alpha)
    assert by_name[TOGETHER].passed <= min(one.passed for one in found)
    assert by_name["8 slices"].failed <= allowed(LIMITS.alpha)
    assert worst_floors(found)["floors.failed.highest"] <= 100 * allowed(LIMITS.alpha)
    assert by_name["complete"].better_passed > 0.5
    assert len(list(floors_table(found, PAIRS))) == 4 + len(found)


@pytest.mark.slow
def test_models_that_are_almost_one_err_no_more_often_than_declared_but_delong_does() -> None:
    """56 rows with the label: in one evaluation of six nothing differs, and nothing is shown."""
    found = measure_near(Near(470, 0.12), PAIRS // 2, 12, DATA)
    assert 0.05 < found.none_differ < 0.25
    assert found.passed <= allowed(LIMITS.alpha) and found.failed <= allowed(LIMITS.alpha)
    assert found.delong > allowed(LIMITS.alpha)
    many = measure_near(Near(1500, 0.12, ties=True), PAIRS // 8, 13, DATA)
    assert many.equal_passed > 0.3 and many.passed <= allowed(LIMITS.alpha)
    assert len(list(near_table([found, many], PAIRS))) == 6
