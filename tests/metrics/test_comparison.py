"""Levels and differences: as the means always were, and as a simulated bootstrap says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.metrics import Setting, draw
from hypothesis import given, settings
from hypothesis import strategies as st

from fullturn.core.entities import ScoredRow
from fullturn.core.errors import StatisticsInputError
from fullturn.metrics import SetMetric, difference, find, level
from fullturn.metrics.answers import expected_values, predicted_values
from fullturn.metrics.metric import MeanScore, Metric, Rows
from fullturn.statistics.inputs import Floats
from fullturn.statistics.intervals import cluster_mean
from fullturn.statistics.paired import (
    inferiority_p,
    minimum_detectable_effect,
    non_inferiority_p,
    paired_difference,
    pass_probability,
)
from tests.metrics.rows import labelled, scored, valued

steady = settings(deadline=None, derandomize=True, max_examples=40)
score = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1).map(lambda x: round(x, 3)))
cells = st.lists(st.tuples(score, score, st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda rows: len({g for *_, g in rows}) > 1
)
SETTINGS = [
    Setting("f1(yes)", 60, uneven=True),
    Setting("roc_auc", 60, False),
    Setting("rmse", 60, False),
]
Pair = tuple[list[ScoredRow], list[ScoredRow]]


def drawn(setting: Setting, seed: int = 0) -> tuple[Metric, Pair]:
    return find(setting.metric), draw(np.random.default_rng(seed), setting)


@given(cells, st.floats(0.005, 0.3))
@steady
def test_a_mean_score_has_exactly_the_statistics_of_means(
    rows: list[tuple[float, float, int]], margin: float
) -> None:
    ours, theirs, groups = (list(column) for column in zip(*rows, strict=True))
    names, metric = [str(g) for g in groups], MeanScore("right")
    a, b = scored(ours, groups), scored(theirs, groups)
    assert level(metric, a, 0.9) == cluster_mean(ours, names, 0.9)
    found, wanted = difference(metric, a, b, 0.9), paired_difference(ours, theirs, names, 0.9)
    for name in ("estimate", "low", "high", "standard_error", "rows", "groups", "confidence"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.discordant_groups == wanted.discordant_groups
    assert found.p_not_worse(margin) == non_inferiority_p(ours, theirs, names, margin)
    assert found.p_worse(margin) == inferiority_p(ours, theirs, names, margin)
    assert found.p_not_worse() == pytest.approx(inferiority_p(theirs, ours, names), rel=1e-9)
    assert found.detectable() == minimum_detectable_effect(ours, theirs, names)
    chance = pass_probability(margin, wanted.standard_error, wanted.groups)
    assert found.pass_probability(margin, 0.05) == chance
    assert (found.candidate, found.reference) == (sum(ours) / len(ours), sum(theirs) / len(theirs))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.metric)
def test_a_worse_subject_is_negative_in_every_direction(setting: Setting) -> None:
    metric, (candidate, reference) = drawn(setting)
    found = difference(metric, candidate, reference)
    levels = metric.estimate(candidate), metric.estimate(reference)
    assert (found.candidate, found.reference) == levels
    sign = 1 if metric.direction == "higher" else -1
    assert found.estimate == pytest.approx(sign * (levels[0] - levels[1]))
    assert found.estimate < 0
    assert found.low < found.estimate < found.high
    back = difference(metric, reference, candidate)
    assert (back.estimate, back.low, back.high) == pytest.approx(
        (-found.estimate, -found.high, -found.low), abs=1e-7
    )
    assert found.p_worse() == pytest.approx(back.p_not_worse(), rel=1e-6)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.metric)
def test_the_tests_agree_with_the_interval(setting: Setting) -> None:
    found = difference(*_flat(drawn(setting)), confidence=0.9)
    assert found.p_not_worse(-found.low + 1e-6) < 0.05 < found.p_not_worse(-found.low - 1e-6)
    assert (found.high < 0) == (found.p_worse() < 0.05)


def _flat(pair: tuple[Metric, Pair]) -> tuple[Metric, list[ScoredRow], list[ScoredRow]]:
    metric, (candidate, reference) = pair
    return metric, candidate, reference


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.metric)
def test_the_interval_contains_that_of_a_simulated_bootstrap_and_nears_it(setting: Setting) -> None:
    """The bootstrap resamples groups of rows and computes the metric again, without influences."""
    large = Setting(setting.metric, 400, uneven=False)
    metric, (candidate, reference) = drawn(large)
    found = difference(metric, candidate, reference, 0.9)
    places: dict[str, list[int]] = {}
    for place, row in enumerate(candidate):
        places.setdefault(row.group, []).append(place)
    groups, rng, draws = list(places.values()), np.random.default_rng(1), []
    sign = 1 if metric.direction == "higher" else -1
    for _ in range(200):
        chosen = [p for g in rng.integers(0, len(groups), len(groups)) for p in groups[g]]
        pair = ([candidate[p] for p in chosen], [reference[p] for p in chosen])
        draws.append(sign * (metric.estimate(pair[0]) - metric.estimate(pair[1])))
    low, high = np.quantile(draws, [0.05, 0.95])
    width = high - low
    assert low - 0.4 * width < found.low < low + 0.1 * width
    assert high - 0.1 * width < found.high < high + 0.4 * width
    assert np.std(draws) == pytest.approx(found.standard_error, rel=0.2)


@pytest.mark.parametrize("name", ["f1(yes)", "recall(yes)", "roc_auc", "f1"])
def test_a_rare_label_decides_how_many_rows_it_takes(name: str) -> None:
    """Equal and perfect: what few rows of the label could still hide is not passed over."""

    def compared(positives: int, rows: int = 600) -> float:
        truth = ["yes"] * positives + ["no"] * (rows - positives)
        sure = [{"yes": float(one == "yes"), "no": float(one == "no")} for one in truth]
        same = labelled(truth, truth, sure)
        return difference(find(name), same, same).p_not_worse(0.03)

    assert compared(2) > 0.3
    assert compared(250) < 0.05


@pytest.mark.parametrize("name", ["rmse", "mae"])
def test_equal_values_in_few_rows_do_not_pass(name: str) -> None:
    rng = np.random.default_rng(5)

    def compared(rows: int, spread: float) -> float:
        truth = 10 * rng.normal(size=rows)
        same = valued(truth.tolist(), (truth + spread * rng.normal(size=rows)).tolist())
        return difference(find(name), same, same).p_not_worse(0.3)

    assert compared(30, 1.0) > 0.05
    assert compared(30, 0.0) > 0.05
    assert compared(600, 1.0) < 0.05


def test_a_worse_rmse_is_found_and_a_better_one_passes() -> None:
    rng = np.random.default_rng(6)
    truth, noise = 10 * rng.normal(size=800), rng.normal(size=800)
    good, bad = (valued(truth.tolist(), (truth + k * noise).tolist()) for k in (1.0, 1.5))
    worse, better = (difference(find("rmse"), *pair) for pair in ((bad, good), (good, bad)))
    assert worse.p_worse(0.2) < 0.01 and worse.p_not_worse(0.2) > 0.9
    assert better.p_not_worse(0.2) < 0.01 and better.p_not_worse() < 0.01
    assert worse.unit == "label's unit"


def test_raw_units_scale_everything_but_the_p_values() -> None:
    rng = np.random.default_rng(7)
    truth, noise = rng.normal(size=300), rng.normal(size=(2, 300))
    groups = rng.integers(0, 120, 300).tolist()

    def compared(factor: float) -> list[float]:
        pair = [
            valued((factor * truth).tolist(), (factor * (truth + e)).tolist(), groups)
            for e in noise
        ]
        found = difference(find("rmse"), *pair)
        size = [found.estimate, found.low, found.high, found.standard_error, found.detectable()]
        chance = [found.p_not_worse(factor / 4), found.pass_probability(factor / 4, 0.05)]
        return [*(value / factor for value in size), *chance]

    assert compared(1000.0) == pytest.approx(compared(1.0), rel=1e-5, abs=1e-9)


def test_what_is_detectable_shrinks_with_the_rows_and_says_how_many_are_needed() -> None:
    few, many = (
        difference(*_flat(drawn(Setting("rmse", groups, uneven=False)))) for groups in (50, 800)
    )
    assert many.detectable() < few.detectable() / 2
    assert 0 < few.pass_probability(0.2, 0.05) < many.pass_probability(0.2, 0.05) <= 1
    assert few.groups_needed(0.1, 0.05) > 50
    assert few.groups_needed(1e6, 0.05) == 2


class WorstError(SetMetric):
    """As short as a metric of one's own can be."""

    name, direction, unit = "worst_error", "lower", "euros"

    def estimate(self, rows: Rows) -> float:
        return float(np.quantile(np.abs(predicted_values(rows) - expected_values(rows)), 0.9))


class OwnRmse(SetMetric):
    """RMSE without contributions: the jackknife finds them."""

    name, direction = "own_rmse", "lower"

    def estimate(self, rows: Rows) -> float:
        errors = predicted_values(rows) - expected_values(rows)
        return math.sqrt(float(np.mean(errors**2)))


def test_a_metric_with_an_estimate_alone_gets_the_same_statistics() -> None:
    _, candidate, reference = _flat(drawn(Setting("rmse", 150, uneven=False)))
    own, builtin = (difference(m, candidate, reference) for m in (OwnRmse(), find("rmse")))
    assert own.estimate == pytest.approx(builtin.estimate, abs=1e-3)
    assert own.standard_error == pytest.approx(builtin.standard_error, rel=0.25)
    assert difference(WorstError(), candidate, reference).low < 0


def test_nothing_says_how_bad_a_metric_without_scale_can_get_if_nothing_ever_differs() -> None:
    perfect = valued([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    with pytest.raises(StatisticsInputError, match="neither bounds nor a scale"):
        difference(OwnRmse(), perfect, perfect)


def test_a_metric_that_depends_on_one_group_says_so() -> None:
    class Positives(SetMetric):
        name, bounds = "positives", (0.0, 1.0)

        def estimate(self, rows: Rows) -> float:
            found = [row for row in rows if row.expected["kind"] == "yes"]
            if not found:
                raise StatisticsInputError("no positive row")
            return sum(row.output["label"] == "yes" for row in found) / len(found)

    rows = labelled(["yes", "no", "no"], ["yes", "no", "no"])
    with pytest.raises(StatisticsInputError, match="without group '0'"):
        level(Positives(), rows)


def test_a_level_stays_within_its_bounds_and_is_wide_for_few_positives() -> None:
    perfect = labelled(["yes"] * 3 + ["no"] * 200, ["yes"] * 3 + ["no"] * 200)
    found = level(find("recall(yes)"), perfect)
    assert found.estimate == found.high == 1.0
    assert found.low < 0.5
    errors = valued(list(range(50)), [n + 0.5 for n in range(50)])
    found = level(find("rmse"), errors)
    assert 0 <= found.low < 0.5 < found.high


def test_values_too_large_to_square_are_refused() -> None:
    rows = valued([0.0, 1.0], [1e200, -1e200])
    with pytest.raises(StatisticsInputError, match="rmse"):
        level(find("rmse"), rows)


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_a_margin_is_a_number_from_0_upward(margin: float) -> None:
    found = difference(*_flat(drawn(Setting("rmse", 10, uneven=False))))
    for test in (found.p_not_worse, found.p_worse):
        with pytest.raises(StatisticsInputError, match="margin is"):
            test(margin)


def test_contributions_that_do_not_average_to_the_estimate_are_refused() -> None:
    class Wrong(OwnRmse):
        def contributions(self, rows: Rows) -> Floats:
            return super().contributions(rows) + 0.1

    rows = valued([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
    for call in (lambda: level(Wrong(), rows), lambda: difference(Wrong(), rows, rows)):
        with pytest.raises(StatisticsInputError, match="the contributions to own_rmse have the me"):
            call()
