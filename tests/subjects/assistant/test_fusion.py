"""The learned weights, against scikit-learn as an oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fullturn.subjects.assistant.fusion import fit_choice, fit_yes_no, sigmoid, softmax


def test_yes_no_is_scikit_learns_logistic_regression() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(300, 3)) * [1.0, 10.0, 0.1]
    labels = (features @ [1.0, 0.1, 0.0] + draw.logistic(size=300) > 0.5).tolist()
    ours = fit_yes_no(features, labels, penalty=2.0)
    scaled = features / features.std(axis=0)
    oracle = LogisticRegression(C=0.5, tol=1e-8).fit(scaled, labels)
    expected = [*(oracle.coef_[0] / features.std(axis=0)), oracle.intercept_[0]]
    assert ours == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_a_choice_between_two_is_a_logistic_regression_of_their_difference() -> None:
    draw = np.random.default_rng(1)
    pairs = [draw.normal(size=(2, 2)) for _ in range(200)]
    first = [bool((p[0] - p[1]) @ [2.0, -1.0] + draw.logistic() > 0) for p in pairs]
    right = [np.array([won, not won]) for won in first]
    scale = np.concatenate(pairs).std(axis=0)
    ours = fit_choice(pairs, right, penalty=1.0) * scale
    differences = np.stack([(p[0] - p[1]) / scale for p in pairs])
    oracle = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8).fit(differences, first)
    assert ours == pytest.approx(oracle.coef_[0], rel=2e-3, abs=2e-3)


def test_several_right_candidates_share_the_credit() -> None:
    case = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    weights = fit_choice([case] * 5, [np.array([True, True, False])] * 5)
    assert weights[0] == pytest.approx(weights[1], abs=1e-4)
    assert softmax(case @ weights)[:2].sum() > 2 / 3


def test_no_other_weights_make_the_right_candidates_more_probable() -> None:
    draw = np.random.default_rng(3)
    cases = [draw.normal(size=(5, 2)) for _ in range(40)]
    right = [draw.permutation([True, True, False, False, False]) for _ in range(40)]
    scale = np.concatenate(cases).std(axis=0)

    def loss(weights: NDArray[np.float64]) -> float:
        shares = (softmax(c @ (weights / scale)) @ r for c, r in zip(cases, right, strict=True))
        return float(weights @ weights / 2 - sum(np.log(share) for share in shares))

    found = fit_choice(cases, right, penalty=1.0) * scale
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01]):
        assert loss(found) < loss(found + step)


def test_fitting_again_gives_the_same_bits() -> None:
    draw = np.random.default_rng(2)
    cases = [draw.normal(size=(4, 3)) for _ in range(20)]
    right = [np.arange(4) == draw.integers(4) for _ in range(20)]
    assert fit_choice(cases, right).tobytes() == fit_choice(cases, right).tobytes()


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_softmax_is_a_distribution_in_the_order_of_the_scores(scores: list[float]) -> None:
    found = softmax(np.array(scores))
    assert found.sum() == pytest.approx(1)
    assert found[np.argmax(scores)] == found.max()


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_sigmoid_is_a_probability_and_symmetric(score: float) -> None:
    assert 0 <= sigmoid(score) <= 1
    assert sigmoid(score) + sigmoid(-score) == pytest.approx(1)
