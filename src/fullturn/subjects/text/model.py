"""A fitted classifier, and the files of its bundle.

Two texts are alike by meaning (a Gaussian of the distance of their sentence vectors) and by
wording (the cosine of their n-grams).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fullturn.core.errors import BundleError, IntegrityError
from fullturn.subjects.text.features import Floats, Ngrams, Speller, as_sentence
from fullturn.subjects.vectors import one_core, sentence_vectors, weights_digest, word_vectors

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


_ARRAYS = "arrays.safetensors"
_MODEL = "model.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """The content of a bundle: a model, and the input column that it reads."""

    model: Model
    text: str


def write(folder: Path, trained: Trained) -> None:
    """Write everything that `read` needs."""
    model, path = trained.model, folder / _ARRAYS
    arrays: dict[str, NDArray[Any]] = {
        "codes": model.ngrams.codes,
        "rarity": model.ngrams.rarity,
        "vectors": model.vectors,
        "duals": model.duals,
        "weights": model.weights,
    }
    # safetensors writes memory as it lies, and reads it back row by row.
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    record = {
        "text": trained.text,
        "labels": model.labels,
        "words": model.speller.words,
        "gamma": model.gamma,
        "platt": model.platt,
        "shortest": model.ngrams.shortest,
        "longest": model.ngrams.longest,
        "word_vectors": weights_digest(),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / _MODEL).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Trained:
    """Read a bundle.

    Raises:
        BundleError: a file is missing, or is not what `write` writes.
        IntegrityError: the installed word vectors are not those of training.
    """
    try:
        record = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
        arrays = load_file(folder / _ARRAYS)
        ngrams = Ngrams(arrays["codes"], arrays["rarity"], record["shortest"], record["longest"])
        model = Model(
            labels=tuple(record["labels"]),
            speller=Speller(record["words"], word_vectors().english),
            ngrams=ngrams,
            gamma=record["gamma"],
            vectors=arrays["vectors"],
            duals=arrays["duals"],
            weights=arrays["weights"],
            platt=(record["platt"][0], record["platt"][1]),
        )
        trained, recorded = Trained(model, record["text"]), record["word_vectors"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BundleError(
            f"{folder} is not a classifier's bundle ({error!r}); train again"
        ) from None
    if recorded != weights_digest():
        raise IntegrityError(
            f"{folder} was trained with word vectors {recorded[:12]}, installed are "
            f"{weights_digest()[:12]}; install the same version of wordllama, or train again"
        )
    return trained
