"""Text columns as numbers: the features of the text classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix

from fullturn.subjects.text.features import Floats, Ngrams, Speller, as_sentence
from fullturn.subjects.vectors import sentence_vectors, word_vectors

SHORTEST, LONGEST = 3, 5
"""Bytes of an n-gram, as the text classifier has them."""


@dataclass(frozen=True, slots=True)
class TextCode:
    """A text column: its words, which correct misspelt ones, and its n-grams."""

    name: str
    speller: Speller
    ngrams: Ngrams

    @classmethod
    def learn(cls, name: str, cells: Sequence[Any]) -> Self:
        """From the training cells."""
        texts = [as_sentence(as_text(cell)) for cell in cells]
        speller = Speller.learn(texts, word_vectors().english)
        return cls(name, speller, Ngrams.learn(texts, SHORTEST, LONGEST))

    def read(self, cells: Sequence[Any]) -> tuple[Floats, csr_matrix]:
        """Meaning and wording: sentence vectors [n, 256], and weighted n-grams [n, f]."""
        texts = [self.speller.correct(as_sentence(as_text(cell))) for cell in cells]
        return sentence_vectors(texts), self.ngrams.weigh(texts)


def as_text(cell: Any) -> str:
    """The text; empty for a missing one."""
    return cell if isinstance(cell, str) else "" if cell is None or cell != cell else str(cell)  # noqa: PLR0124


def none(rows: int) -> Floats:
    """No vectors at all, [n, 0]."""
    return np.zeros((rows, 0), dtype=np.float32)
