"""Every metric against scikit-learn: values, and influences as derivatives in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from fullturn.core.entities import ScoredRow
from fullturn.metrics import find
from fullturn.statistics.inputs import Floats
from tests.metrics.rows import labelled, ranked, row, valued

steady = settings(deadline=None, derandomize=True, max_examples=15)
labels = st.sampled_from(["ham", "spam", "news"])
# Few different values, so that there are ties.
share = st.integers(0, 8).map(lambda n: n / 8)
number = st.floats(-50, 50).map(lambda x: round(x, 1))
weights = st.lists(st.integers(1, 4), min_size=40, max_size=40)
Weights = list[int]


def shares(first: Sequence[float], second: Sequence[float]) -> list[dict[str, float]]:
    """Probabilities of three labels out of two numbers a row."""
    return [
        {"ham": a / 2, "news": b / 2, "spam": 1 - (a + b) / 2}
        for a, b in zip(first, second, strict=True)
    ]


def agrees(
    name: str, rows: list[ScoredRow], wanted: Callable[[Floats], float], weights: Weights
) -> None:
    """The value, the mean of the contributions, and the value with rows repeated."""
    metric, ones = find(name), np.ones(len(rows))
    value = wanted(ones)
    assert metric.estimate(rows) == pytest.approx(value, abs=1e-12)
    assert metric.contributions(rows).mean() == pytest.approx(value, abs=1e-12)
    times = np.resize(weights, len(rows))
    repeated = [one for one, n in zip(rows, times, strict=True) for _ in range(n)]
    assert metric.estimate(repeated) == pytest.approx(wanted(times * 1.0), abs=1e-12)


def follows(name: str, rows: list[ScoredRow], wanted: Callable[[Floats], float]) -> None:
    """The influence of a row is the slope of the metric in its weight."""
    found = find(name).contributions(rows)
    step = 1e-5
    for place in range(min(6, len(rows))):
        more, less = np.ones(len(rows)), np.ones(len(rows))
        more[place] += step
        less[place] -= step
        slope = (wanted(more) - wanted(less)) / (2 * step) * len(rows)
        assert found[place] - found.mean() == pytest.approx(slope, rel=1e-3, abs=1e-4)


@given(st.lists(st.tuples(labels, labels), min_size=2, max_size=40), weights)
@steady
def test_metrics_of_labels(pairs: list[tuple[str, str]], times: Weights) -> None:
    expected, predicted = (list(column) for column in zip(*pairs, strict=True))
    rows, seen = labelled(expected, predicted), sorted(set(expected))
    by_name = {
        "accuracy": lambda w: oracle.accuracy_score(expected, predicted, sample_weight=w),
        "f1": lambda w: oracle.f1_score(
            expected, predicted, labels=seen, average="macro", sample_weight=w
        ),
        f"f1({seen[0]})": lambda w: oracle.f1_score(
            expected, predicted, labels=seen[:1], average="macro", sample_weight=w
        ),
        "recall": lambda w: oracle.recall_score(
            expected, predicted, labels=seen, average="macro", sample_weight=w
        ),
    }
    if set(seen) <= set(predicted):
        by_name["precision"] = lambda w: oracle.precision_score(
            expected, predicted, labels=seen, average="macro", sample_weight=w
        )
    if len(seen) > 1 and set(predicted) <= set(seen):  # scikit-learn warns of others
        by_name["balanced_accuracy"] = lambda w: oracle.balanced_accuracy_score(
            expected, predicted, sample_weight=w
        )
    for name, wanted in by_name.items():
        agrees(name, rows, wanted, times)
        follows(name, rows, wanted)


@given(st.lists(st.tuples(labels, share, share), min_size=4, max_size=40), weights)
@steady
def test_metrics_of_probabilities(cells: list[tuple[str, float, float]], times: Weights) -> None:
    expected, first, second = (list(column) for column in zip(*cells, strict=True))
    seen = sorted(set(expected))
    assume(len(seen) > 1)
    given_shares = shares(first, second)
    rows = labelled(
        expected, [max(one, key=lambda k: one[k]) for one in given_shares], given_shares
    )
    table = np.array([[one[label] for label in ("ham", "news", "spam")] for one in given_shares])
    truth = np.array(expected)

    def area(w: Floats, label: str) -> float:
        columns = table[:, ("ham", "news", "spam").index(label)]
        return float(oracle.roc_auc_score(truth == label, columns, sample_weight=w))

    def precision(w: Floats, label: str) -> float:
        columns = table[:, ("ham", "news", "spam").index(label)]
        return float(oracle.average_precision_score(truth == label, columns, sample_weight=w))

    one_vs_rest = seen if len(seen) > 2 else seen[1:]
    cases: dict[str, Callable[[Floats], float]] = {
        "roc_auc": lambda w: float(np.mean([area(w, label) for label in one_vs_rest])),
        f"roc_auc({seen[0]})": lambda w: area(w, seen[0]),
        "average_precision": lambda w: float(
            np.mean([precision(w, label) for label in one_vs_rest])
        ),
        f"average_precision({seen[0]})": lambda w: precision(w, seen[0]),
        "brier": lambda w: oracle.brier_score_loss(
            truth, table, sample_weight=w, labels=["ham", "news", "spam"], scale_by_half=True
        ),
        "log_loss": lambda w: oracle.log_loss(
            truth, table, sample_weight=w, labels=["ham", "news", "spam"]
        ),
    }
    for name, wanted in cases.items():
        agrees(name, rows, wanted, times)
        follows(name, rows, wanted)


def gap(right: Floats, sure: Floats, w: Floats) -> float:
    """Expected calibration error, of scikit-learn's calibration curve."""
    times = w.astype(int)
    right, sure = np.repeat(right, times), np.repeat(sure, times)
    found, stated = calibration_curve(right, sure, n_bins=10)
    counts = np.bincount(np.linspace(0, 1, 11)[1:-1].searchsorted(sure), minlength=10)
    return float(counts[counts > 0] @ np.abs(found - stated)) / sure.size


@given(st.lists(st.tuples(labels, share, share), min_size=4, max_size=40), weights)
@steady
def test_calibration_error(cells: list[tuple[str, float, float]], times: Weights) -> None:
    expected, first, second = (list(column) for column in zip(*cells, strict=True))
    table = shares(first, second)
    predicted = [max(one, key=lambda k: one[k]) for one in table]
    rows, truth = labelled(expected, predicted, table), np.array(expected)
    sure = np.array([max(one.values()) for one in table])
    right = (truth == np.array(predicted)).astype(float)
    spam = np.array([one["spam"] for one in table])
    agrees("calibration_error", rows, lambda w: gap(right, sure, w), times)
    agrees("calibration_error(spam)", rows, lambda w: gap((truth == "spam") * 1.0, spam, w), times)
    for one, confidence in zip(rows, sure.tolist(), strict=True):
        one.output.update(confidence=confidence)  # type: ignore[attr-defined]
        del one.output["probabilities"]  # type: ignore[attr-defined]
    agrees("calibration_error", rows, lambda w: gap(right, sure, w), times)


def test_the_influence_on_calibration_error_is_its_slope() -> None:
    rng = np.random.default_rng(3)
    spam = rng.random(50)
    truth = (rng.random(50) < spam**2).astype(float)
    table = [{"spam": one, "ham": 1 - one} for one in spam.tolist()]
    rows = labelled(np.where(truth, "spam", "ham").tolist(), ["spam"] * 50, table)
    places = np.linspace(0, 1, 11)[1:-1].searchsorted(spam)

    def weighted(w: Floats) -> float:
        gaps = np.bincount(places, weights=w * (truth - spam), minlength=10)
        return float(np.abs(gaps).sum() / w.sum())

    follows("calibration_error(spam)", rows, weighted)


@given(st.lists(st.tuples(number, number), min_size=3, max_size=40), weights)
@steady
def test_metrics_of_values(pairs: list[tuple[float, float]], times: Weights) -> None:
    expected, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    assume(np.ptp(expected) > 0.5 and np.abs(expected - predicted).max() > 0.5)
    rows = valued(expected.tolist(), predicted.tolist())
    cases: dict[str, Callable[..., float]] = {
        "rmse": oracle.root_mean_squared_error,
        "mae": oracle.mean_absolute_error,
        "r2": oracle.r2_score,
        "quantile_loss(0.9)": partial(oracle.mean_pinball_loss, alpha=0.9),
        "quantile_loss": partial(oracle.mean_pinball_loss, alpha=0.5),
    }
    if expected.all():
        cases["mape"] = oracle.mean_absolute_percentage_error
    for name, function in cases.items():

        def wanted(w: Floats, function: Callable[..., float] = function) -> float:
            return float(function(expected, predicted, sample_weight=w))

        agrees(name, rows, wanted, times)
        follows(name, rows, wanted)


gain = st.integers(0, 3).map(float)
query = st.lists(st.tuples(gain, st.integers(0, 4).map(float)), min_size=2, max_size=9)


@given(st.lists(query, min_size=2, max_size=8), st.sampled_from([None, 1, 3, 20]))
@steady
def test_ndcg_is_the_mean_over_queries(
    queries: list[list[tuple[float, float]]], first: int | None
) -> None:
    both = [([gain for gain, _ in one], [value for _, value in one]) for one in queries]
    assume(any(any(gains) for gains, _ in both))
    wanted = np.mean([oracle.ndcg_score([gains], [values], k=first) for gains, values in both])
    metric, rows = find(f"ndcg({first})" if first else "ndcg"), ranked(both)
    assert metric.estimate(rows) == pytest.approx(wanted, abs=1e-12)


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=9), min_size=2, max_size=8))
@steady
def test_mrr_is_the_mean_of_one_over_the_rank(queries: list[list[int]]) -> None:
    both = [([1.0] + [0.0] * (len(one) - 1), [float(v) for v in one]) for one in queries]
    wanted = np.mean([oracle.label_ranking_average_precision_score([g], [v]) for g, v in both])
    assert find("mrr").estimate(ranked(both)) == pytest.approx(wanted, abs=1e-12)
    first = [1.0 if max(values[1:]) < values[0] else 0.0 for _, values in both]
    assert find("mrr(1)").estimate(ranked(both)) == pytest.approx(np.mean(first), abs=1e-12)


def test_a_query_has_the_same_weight_however_many_items_it_has() -> None:
    queries = [([1.0, 0.0], [1.0, 2.0]), ([0.0] * 7 + [2.0], list(map(float, range(8))))]
    rows = ranked(queries)
    for name in ("ndcg", "mrr"):
        whole = find(name).contributions(rows)
        for one, number in ((rows[:2], 0), (rows[2:], 1)):
            value = find(name).estimate(one)
            of = slice(0, 2) if number == 0 else slice(2, None)
            deviation = (whole[of] - whole.mean()).sum() / len(rows)
            assert deviation == pytest.approx((value - whole.mean()) / 2)


@pytest.mark.parametrize(
    "expected", [["b", "d"], {"b": 1.0, "d": 1.0, "a": 0.0}], ids=["ids", "gains"]
)
def test_a_ranking_may_be_a_list_of_ids(expected: object) -> None:
    rows = [
        row(0, {"relevant": expected}, {"ranking": ["a", "b", "c"]}),
        row(1, {"relevant": "c"}, {"ranking": ["c"]}),
        row(2, {"relevant": "x"}, {"ranking": []}),
    ]
    # 'd' is relevant and never found: it counts in the best possible order.
    first = oracle.ndcg_score([[0, 1, 0, 1]], [[4, 3, 2, 0]], k=3)
    assert find("ndcg(3)").estimate(rows) == pytest.approx((first + 1) / 3)
    assert find("mrr").estimate(rows) == pytest.approx((1 / 2 + 1) / 3)


def test_two_labels_need_no_more_than_a_confidence() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.4
    spam = np.round(np.clip(0.3 * truth + rng.random(60) * 0.7, 0, 1), 2)
    rows = labelled(
        np.where(truth, "spam", "ham").tolist(), np.where(spam >= 0.5, "spam", "ham").tolist()
    )
    for scored, one in zip(rows, spam.tolist(), strict=True):
        scored.output["confidence"] = max(one, 1 - one)  # type: ignore[index]
    assert find("roc_auc").estimate(rows) == pytest.approx(oracle.roc_auc_score(truth, spam))
    assert find("roc_auc(ham)").estimate(rows) == pytest.approx(oracle.roc_auc_score(truth, spam))
    assert find("brier").estimate(rows) == pytest.approx(oracle.brier_score_loss(truth, spam))
