"""A fitted classifier: the more a text is like a training text, the more it takes its label.

Two texts are alike by meaning (a Gaussian of the distance of their sentence vectors) and by
wording (the cosine of their n-grams).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fullturn.subjects.cores import one_core
from fullturn.subjects.text.features import Floats, Ngrams, as_sentence
from fullturn.subjects.text.spelling import Speller
from fullturn.subjects.vectors import sentence_vectors

BLOCK = 512
"""Rows compared with all training rows at once."""


@dataclass(frozen=True, slots=True)
class Model:
    """n training texts, k labels, f n-grams.

    `vectors` [n, 256] and `duals` [n, k] answer by meaning, `weights` [f, k] by wording.
    `platt` are slope and intercept of the confidence.
    """

    labels: tuple[str, ...]
    speller: Speller
    ngrams: Ngrams
    gamma: float
    vectors: Floats
    duals: Floats
    weights: Floats
    platt: tuple[float, float]

    def answer(self, texts: Sequence[str]) -> Iterator[tuple[str, float]]:
        """The label of each text, and the probability that it is right."""
        for start in range(0, len(texts), BLOCK):
            best, margin = decide(self._scores(texts[start : start + BLOCK]))
            for place, sure in zip(best, confidence(margin, self.platt), strict=True):
                yield self.labels[place], float(sure)

    def _scores(self, texts: Sequence[str]) -> Floats:
        texts = [self.speller.correct(as_sentence(text)) for text in texts]
        vectors, wording = sentence_vectors(texts), self.ngrams.weigh(texts)
        with one_core():
            near = gaussian(vectors, self.vectors, self.gamma)
            scores: Floats = near @ self.duals + wording @ self.weights
        return scores


def decide(scores: Floats) -> tuple[NDArray[Any], Floats]:
    """Of each row, the place of the highest score, and its lead over the second."""
    best = scores.argmax(axis=1)
    upper = np.partition(scores, -2, axis=1)[:, -2:]
    return best, upper[:, 1] - upper[:, 0]


def confidence(margin: Floats, platt: tuple[float, float]) -> NDArray[np.float64]:
    """The probability that an answer with this lead is right (Platt scaling).

    Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """
    slope, intercept = platt
    return np.asarray(1 / (1 + np.exp(-(slope * margin.astype(np.float64) + intercept))))


def gaussian(one: Floats, other: Floats, gamma: float) -> Floats:
    """exp(-gamma · squared distance) of vectors of length one, [len(one), len(other)]."""
    near: Floats = one @ other.T
    near -= 1
    near *= np.float32(2 * gamma)
    np.exp(near, out=near)
    return near
