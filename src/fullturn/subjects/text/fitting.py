"""Kernel ridge classification, with an honest learning curve from the same Cholesky factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import minimize

from fullturn.core.errors import UsageError
from fullturn.subjects.text.features import Floats, Ngrams, Speller, as_sentence
from fullturn.subjects.text.model import BLOCK, Model, confidence, decide, gaussian
from fullturn.subjects.text.parameters import Recipe
from fullturn.subjects.vectors import sentence_vectors, word_vectors

_JUDGED = 0.2
"""The share of rows, the last ones, whose progressive scores calibrate the confidence."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and what models of fewer rows made of the next one.

    For each row, in the order of training: `right` [n] tells whether a model of the rows
    before it found its label, `confidence` [n] how sure it was.
    """

    model: Model
    right: NDArray[np.bool_]
    confidence: NDArray[np.float64]


def fit(texts: Sequence[str], labels: Sequence[str], recipe: Recipe) -> Fitted:
    """Fit on these rows, in this order: shuffle them before. Takes 4·n² bytes and n³/3 steps.

    Raises:
        UsageError: the penalty is too small for rows so alike.
    """
    texts = [as_sentence(text) for text in texts]
    names = sorted(set(labels))
    place = {name: number for number, name in enumerate(names)}
    truth = np.array([place[label] for label in labels])
    ngrams = Ngrams.learn(texts, recipe.shortest, recipe.longest)
    vectors, wording = sentence_vectors(texts), ngrams.weigh(texts)
    targets = np.eye(len(names), dtype=np.float32)[truth] - np.float32(1 / len(names))
    duals, progressive = _solve(_alike(vectors, wording, recipe), targets)
    weights = np.float32(recipe.ngrams) * (wording.T @ duals)
    best, margin = decide(progressive)
    right = best == truth
    judged = slice(-max(1, int(_JUDGED * len(truth))), None)
    platt = _platt(margin[judged], right[judged])
    speller = Speller.learn(texts, word_vectors().english)
    model = Model(tuple(names), speller, ngrams, recipe.gamma, vectors, duals, weights, platt)
    return Fitted(model, right, confidence(margin, platt))


def _alike(vectors: Floats, wording: Any, recipe: Recipe) -> Floats:
    """How alike rows are, with the penalty on the diagonal, [n, n]; only the upper triangle."""
    size = len(vectors)
    alike = np.zeros((size, size), dtype=np.float32)
    for start in range(0, size, BLOCK):
        rows, later = slice(start, start + BLOCK), slice(start, None)
        block = gaussian(vectors[rows], vectors[later], recipe.gamma)
        block += np.float32(recipe.ngrams) * (wording[rows] @ wording[later].T).toarray()
        alike[rows, later] = block
    alike[np.diag_indices(size)] += np.float32(recipe.penalty)
    return alike


def _solve(alike: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Dual coefficients, and progressive scores; both [n, k]. Overwrites `alike`.

    With alike = L·Lᵀ and L·z = targets, a ridge fitted on the rows before row i gives it the
    scores L[i, :i]·z[:i] = targets[i] - L[i, i]·z[i] (Rasmussen and Williams, Gaussian
    Processes for Machine Learning, 2006, A.2; Dawid, Prequential Analysis, JRSS A 147, 1984).
    """
    try:
        # The transpose has the lower triangle, laid out as LAPACK wants it.
        factor = linalg.cholesky(alike.T, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        raise UsageError("the rows are too alike for this 'penalty'; raise it tenfold") from None
    half = linalg.solve_triangular(factor, targets, lower=True, check_finite=False)
    duals = linalg.solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
    scores = targets - np.diag(factor)[:, None] * half
    return np.asarray(duals, np.float32), np.asarray(scores, np.float32)


def _platt(margin: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept of the confidence: a logistic regression of `right` on the margin.

    Platt's smoothed targets keep it finite where all rows are right. A tie, right and wrong
    once, is added: no lead says nothing, also where the rows have no wrong answer to show it.
    """
    margin, right = np.append(margin, [0, 0]), np.append(right, [True, False])
    hits = int(right.sum())
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))

    def loss(platt: NDArray[np.float64]) -> float:
        logit = platt[0] * margin + platt[1]
        return float((np.logaddexp(0, logit) - targets * logit).mean())

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return float(slope), float(intercept)
