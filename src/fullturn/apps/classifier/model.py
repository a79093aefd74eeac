"""A fitted classifier: the more a text is like a training text, the more it takes its label.

Two texts are alike by meaning (a Gaussian of the distance of their sentence vectors) and by
wording (the cosine of their n-grams).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fullturn.apps.classifier.features import Floats, Ngrams, as_sentence
from fullturn.apps.vectors import sentence_vectors

BLOCK = 512
"""Rows compared with all training rows at once."""


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
            softmax(self._scores(texts[start : start + BLOCK]), self.sharpness)
            for start in range(0, len(texts), BLOCK)
        ]
        return np.concatenate([np.zeros((0, len(self.labels)), np.float32), *blocks])

    def _scores(self, texts: Sequence[str]) -> Floats:
        texts = [as_sentence(text) for text in texts]
        near = gaussian(sentence_vectors(texts), self.vectors, self.gamma)
        scores: Floats = near @ self.duals + self.ngrams.weigh(texts) @ self.weights
        return scores


def softmax(scores: Floats, sharpness: float) -> Floats:
    """Probabilities of scores, by row."""
    powers = np.exp(np.float32(sharpness) * (scores - scores.max(axis=1, keepdims=True)))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def gaussian(one: Floats, other: Floats, gamma: float) -> Floats:
    """exp(-gamma · squared distance) of vectors of length one, [len(one), len(other)]."""
    near: Floats = one @ other.T
    near -= 1
    near *= np.float32(2 * gamma)
    np.exp(near, out=near)
    return near
