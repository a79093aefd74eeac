"""Kernel ridge classification, with an honest learning curve from the same Cholesky factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from fullturn.apps.classifier.features import Floats, Ngrams, as_sentence
from fullturn.apps.classifier.model import BLOCK, Model, gaussian, softmax
from fullturn.apps.classifier.parameters import Recipe
from fullturn.apps.vectors import sentence_vectors
from fullturn.errors import UsageError

_JUDGED = 0.2
"""The share of rows, the last ones, whose progressive scores set the confidence."""
_SHARPNESS = np.geomspace(1, 150, 120)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and what models of fewer rows made of the next one.

    `progressive` [n, k] are, for each row in the order of training, the probabilities of a
    model of the rows before it; `truth` [n] is the place of its label in `model.labels`.
    """

    model: Model
    progressive: Floats
    truth: NDArray[Any]


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
    sharpness = _sharpness(progressive, truth)
    model = Model(tuple(names), ngrams, recipe.gamma, vectors, duals, weights, sharpness)
    return Fitted(model, softmax(progressive, sharpness), truth)


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


def _sharpness(progressive: Floats, truth: NDArray[Any]) -> float:
    """The factor that makes the true labels of the last rows most likely (temperature scaling).

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    judged = slice(-max(1, int(_JUDGED * len(truth))), None)
    scores, true = progressive[judged], truth[judged, None]

    def likelihood(sharpness: float) -> float:
        shares = np.take_along_axis(softmax(scores, sharpness), true, axis=1)
        return float(np.log(np.maximum(shares, 1e-12)).sum())

    return float(max(_SHARPNESS, key=likelihood))
