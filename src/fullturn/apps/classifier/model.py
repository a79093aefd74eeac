"""Kernel ridge classification of texts: similar texts have similar labels.

Two texts are similar by meaning (a Gaussian of the distance of their sentence vectors) and by
wording (the cosine of their n-grams). One Cholesky factor gives the model, and on the way what
each row's label looked like to a model of the rows before it: an honest learning curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import minimize_scalar

from fullturn.apps.classifier.features import Floats, Integers, Ngrams, as_sentence
from fullturn.apps.vectors import sentence_vectors
from fullturn.errors import UsageError

_BLOCK = 512
"""Rows compared with all training rows at once."""
_JUDGED = 0.2
"""The share of rows, the last ones, whose progressive scores set the confidence."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is fitted.

    `penalty` is the ridge's; `gamma` the Gaussian's; `ngrams` the weight of similar wording
    against similar meaning; `shortest` and `longest` bound n-grams in bytes.
    """

    penalty: float
    gamma: float
    ngrams: float
    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class Model:
    """n training texts, k labels, f n-grams.

    `vectors` [n, 256] and `duals` [n, k] answer by meaning, `weights` [f, k] by wording.
    `sharpness` turns scores into probabilities.
    """

    labels: tuple[str, ...]
    ngrams: Ngrams
    gamma: float
    vectors: Floats
    duals: Floats
    weights: Floats
    sharpness: float

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """The probability of each label, [len(texts), k]."""
        blocks = [
            softmax(self._scores(texts[start : start + _BLOCK]), self.sharpness)
            for start in range(0, len(texts), _BLOCK)
        ]
        return np.concatenate([np.zeros((0, len(self.labels)), np.float32), *blocks])

    def _scores(self, texts: Sequence[str]) -> Floats:
        texts = [as_sentence(text) for text in texts]
        near = _gaussian(sentence_vectors(texts), self.vectors, self.gamma)
        scores: Floats = near @ self.duals + self.ngrams.weigh(texts) @ self.weights
        return scores


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and how it came to be: for each row, in the order of training, the
    probabilities that a model of the rows before it gave, and the number of its label."""

    model: Model
    progressive: Floats
    truth: Integers


def fit(texts: Sequence[str], labels: Sequence[str], recipe: Recipe) -> Fitted:
    """Fit on these rows, in this order: shuffle them before. Memory is 4·n² bytes, time n³.

    Raises:
        UsageError: the penalty is too small for rows so alike.
    """
    texts = [as_sentence(text) for text in texts]
    names, truth = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    targets = np.eye(len(names), dtype=np.float32)[truth] - np.float32(1 / len(names))
    ngrams = Ngrams.learn(texts, recipe.shortest, recipe.longest)
    vectors, wording = sentence_vectors(texts), ngrams.weigh(texts)
    similar = _similar(vectors, wording, recipe)
    duals, progressive = _solve(similar, targets)
    sharpness = _sharpness(progressive, truth)
    weights = np.asarray(wording.T @ duals * np.float32(recipe.ngrams))
    model = Model(tuple(names), ngrams, recipe.gamma, vectors, duals, weights, sharpness)
    return Fitted(model, softmax(progressive, sharpness), truth)


def softmax(scores: Floats, sharpness: float) -> Floats:
    """Probabilities of scores, by row."""
    powers = np.exp(np.float32(sharpness) * (scores - scores.max(axis=1, keepdims=True)))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _similar(vectors: Floats, wording: Any, recipe: Recipe) -> Floats:
    """How alike all rows are, with the penalty on the diagonal, [n, n]."""
    size = len(vectors)
    similar = np.empty((size, size), dtype=np.float32)
    for start in range(0, size, _BLOCK):
        block = slice(start, start + _BLOCK)
        similar[block] = _gaussian(vectors[block], vectors, recipe.gamma)
        similar[block] += np.float32(recipe.ngrams) * (wording[block] @ wording.T).toarray()
    similar[np.diag_indices(size)] += np.float32(recipe.penalty)
    return similar


def _gaussian(one: Floats, other: Floats, gamma: float) -> Floats:
    """exp(-gamma · squared distance) of vectors of length one, [len(one), len(other)]."""
    near = one @ other.T
    near -= 1
    near *= np.float32(2 * gamma)
    return np.exp(near, out=near)


def _solve(similar: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Dual coefficients, and progressive scores; both [n, k]. Overwrites `similar`.

    With similar = L·Lᵀ and L·z = targets, row i of a ridge fitted on the rows before i scores
    L[i, :i]·z[:i] = targets[i] - L[i, i]·z[i] (Gaussian conditioning; Rasmussen and Williams,
    Gaussian Processes for Machine Learning, 2006, A.2; prequential: Dawid, JRSS A 147, 1984).
    """
    # The transpose of a symmetric matrix is the same one, laid out as LAPACK wants it.
    try:
        factor = linalg.cholesky(similar.T, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError:
        raise UsageError("the rows are too alike for this 'penalty'; raise it tenfold") from None
    half = linalg.solve_triangular(factor, targets, lower=True, check_finite=False)
    duals = linalg.solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
    return duals, targets - np.diag(factor)[:, None] * half


def _sharpness(progressive: Floats, truth: NDArray[Any]) -> float:
    """The factor that makes probabilities of scores most likely (temperature scaling).

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    judged = slice(-max(1, int(_JUDGED * len(truth))), None)
    scores, truth = progressive[judged], truth[judged]

    def loss(power: float) -> float:
        likely = softmax(scores, float(np.exp(power)))[np.arange(len(truth)), truth]
        return -float(np.log(np.maximum(likely, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(0, 5), method="bounded").x))
