"""Every metric against scikit-learn: values, and influences as derivatives in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from fullturn.core.entities import ScoredRow
from fullturn.metrics import find
from fullturn.statistics.inputs import Floats
from tests.metrics.rows import labelled, valued

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

    one_vs_rest = seen if len(seen) > 2 else seen[1:]
    cases: dict[str, Callable[[Floats], float]] = {
        "roc_auc": lambda w: float(np.mean([area(w, label) for label in one_vs_rest])),
        f"roc_auc({seen[0]})": lambda w: area(w, seen[0]),
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


@given(st.lists(st.tuples(number, number), min_size=3, max_size=40), weights)
@steady
def test_metrics_of_values(pairs: list[tuple[float, float]], times: Weights) -> None:
    expected, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    assume(np.ptp(expected) > 0.5 and np.abs(expected - predicted).max() > 0.5)
    rows = valued(expected.tolist(), predicted.tolist())
    cases = {
        "rmse": oracle.root_mean_squared_error,
        "mae": oracle.mean_absolute_error,
        "r2": oracle.r2_score,
    }
    for name, function in cases.items():

        def wanted(w: Floats, function: Callable[..., float] = function) -> float:
            return float(function(expected, predicted, sample_weight=w))

        agrees(name, rows, wanted, times)
        follows(name, rows, wanted)


def test_two_labels_need_no_more_than_a_confidence() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.4
    spam = np.round(np.clip(0.3 * truth + rng.random(60) * 0.7, 0, 1), 2)
    rows = labelled(
        np.where(truth, "spam", "ham").tolist(), np.where(spam >= 0.5, "spam", "ham").tolist()
    )
    for row, one in zip(rows, spam.tolist(), strict=True):
        row.output["confidence"] = max(one, 1 - one)  # type: ignore[index]
    assert find("roc_auc").estimate(rows) == pytest.approx(oracle.roc_auc_score(truth, spam))
    assert find("roc_auc(ham)").estimate(rows) == pytest.approx(oracle.roc_auc_score(truth, spam))
    assert find("brier").estimate(rows) == pytest.approx(oracle.brier_score_loss(truth, spam))
