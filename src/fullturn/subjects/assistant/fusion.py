"""Learned weights: which sentence answers, and whether there is an answer at all.

Two small linear models. Their weights are numbers in a JSON file; fitting needs scipy,
applying them needs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def softmax(scores: Floats) -> Floats:
    """Probabilities proportional to exp(score)."""
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def sigmoid(score: float) -> float:
    """The logistic function, without overflow."""
    return float(0.5 * (1 + np.tanh(score / 2)))


def fit_choice(
    questions: Sequence[Floats], right: Sequence[Bools], penalty: float = 10.0
) -> Floats:
    """Weights under which the right candidates of each question are most probable together.

    A conditional logit (McFadden 1974): P(candidate) is the softmax of features @ weights
    over the candidates of one question. `questions` has candidates x features arrays,
    `right` marks at least one candidate of each.
    """
    scale = np.concatenate(list(questions)).std(axis=0) + 1e-9
    scaled = [features / scale for features in questions]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = penalty * float(weights @ weights) / 2, penalty * weights
        for features, chosen in zip(scaled, right, strict=True):
            probable = softmax(features @ weights)
            hit = probable * chosen
            total -= float(np.log(hit.sum() + 1e-12))
            slope = slope + (probable - hit / (hit.sum() + 1e-12)) @ features
        return total, slope

    return np.asarray(_minimise(loss, len(scale)) / scale)


def fit_yes_no(features: Floats, labels: Sequence[bool], penalty: float = 1.0) -> Floats:
    """Weights of a logistic regression; the last one belongs to a constant 1.

    `features` has one row per case. The constant is not penalised.
    """
    scale = np.append(features.std(axis=0) + 1e-9, 1.0)
    scaled = np.column_stack([features, np.ones(len(features))]) / scale
    signs = np.where(np.asarray(labels), 1.0, -1.0)
    shrink = np.append(np.full(features.shape[1], penalty), 1e-6)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (scaled @ weights)
        total = np.logaddexp(0, -margins).sum() + (shrink * weights**2).sum() / 2
        slope = -(signs * 0.5 * (1 - np.tanh(margins / 2))) @ scaled + shrink * weights
        return float(total), slope

    return np.asarray(_minimise(loss, len(scale)) / scale)


def _minimise(loss: Callable[[Floats], tuple[float, Floats]], size: int) -> Floats:
    from scipy.optimize import minimize

    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)
