"""Texts as numbers: misspelt words corrected, rare runs of characters weighted by TF-IDF."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 4
_SEEN_IN = 2
"""A word is known if it occurs in this many training texts."""


class Speller:
    """Replaces a word that is neither known nor common English by the nearest known one.

    Two words are near when they agree after at most one letter is deleted from each: this
    covers a dropped, added, replaced or swapped letter (Garbe, symmetric delete, 2012).
    `words` are the known ones, the most frequent first.
    """

    def __init__(self, words: Sequence[str], english: Collection[str]) -> None:
        self.words = tuple(words)
        self._rank = {word: rank for rank, word in enumerate(words)}
        self._english = english
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in words:
            if len(word) >= _SHORTEST - 1:
                for shorter in _deletions(word):
                    self._near[shorter].append(word)

    @classmethod
    def learn(cls, texts: Iterable[str], english: Collection[str]) -> Self:
        """Know the words that two or more of these texts contain."""
        counts = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
        known = [word for word, count in counts.items() if count >= _SEEN_IN]
        return cls(sorted(known, key=lambda word: (-counts[word], word)), english)

    def correct(self, text: str) -> str:
        """The text with its misspelt words corrected, where there is a near word."""
        return _WORD.sub(lambda match: self._replace(match.group()), text)

    def _replace(self, word: str) -> str:
        low = word.lower()
        if len(low) < _SHORTEST or low in self._rank or low in self._english:
            return word
        near = {known for shorter in _deletions(low) for known in self._near.get(shorter, ())}
        if not near:
            return word
        best = min(near, key=lambda known: (known[0] != low[0], self._rank[known]))
        return best.capitalize() if word[0].isupper() else best


def _deletions(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
"""An n-gram counts if it occurs in this many training texts."""
_NONE = 0
"""The code of no n-gram."""


def as_sentence(text: str) -> str:
    """The text; where it is all capitals or has none, with the case of an English sentence.

    Word vectors of capitals are poor ones, and lower case loses what case can tell.
    A lone surrogate, which JSON allows, becomes a question mark.
    """
    text = text.encode("utf-8", "replace").decode()
    if text.isupper() or text.islower():
        return re.sub(r"\bi\b", "I", text.capitalize())
    return text


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The n-grams of bytes in training texts, and how rare each is.

    `codes` ascend, int64 [f]; `rarity` is each one's inverse document frequency, [f].
    """

    codes: Integers
    rarity: Floats
    shortest: int
    longest: int

    @classmethod
    def learn(cls, texts: Sequence[str], shortest: int, longest: int) -> Self:
        """The n-grams of these texts that at least two of them contain."""
        found, rows = _ngrams(texts, shortest, longest)
        codes, places = np.unique(found, return_inverse=True)
        holders = np.unique(places * len(texts) + rows) // max(len(texts), 1)
        frequency = np.bincount(holders, minlength=len(codes))
        frequent = frequency >= _SEEN_IN
        rarity = np.log((1 + len(texts)) / (1 + frequency[frequent])) + 1
        return cls(codes[frequent], rarity.astype(np.float32), shortest, longest)

    def weigh(self, texts: Sequence[str]) -> csr_matrix:
        """TF-IDF, [n, f], rows of length one; a text without known n-grams is a zero row.

        (1 + ln count) · (1 + ln((1 + texts) / (1 + texts with it))), the variant of
        scikit-learn's TfidfVectorizer with sublinear_tf.
        """
        found, rows = _ngrams(texts, self.shortest, self.longest)
        columns = np.searchsorted(self.codes, found)
        known = np.append(self.codes, _NONE)[columns] == found
        ones = np.ones(known.sum(), dtype=np.float32)
        counts = csr_matrix((ones, (rows[known], columns[known])), (len(texts), len(self.codes)))
        counts.data = (1 + np.log(counts.data)) * self.rarity[counts.indices]
        row_of = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
        squares = np.bincount(row_of, counts.data**2, minlength=len(texts))
        counts.data /= np.sqrt(squares, dtype=np.float32)[row_of]
        return counts


def _ngrams(texts: Sequence[str], shortest: int, longest: int) -> tuple[Integers, Integers]:
    """Every n-gram of the lower-case texts as a number, and the row that it is in."""
    raw = [f" {' '.join(text.lower().split())} ".encode() for text in texts]
    flat = np.frombuffer(b"".join(raw), dtype=np.uint8).astype(np.int64)
    lengths = np.fromiter(map(len, raw), dtype=np.int64)
    row_of = np.repeat(np.arange(len(raw)), lengths)
    code, found, rows = np.ones_like(flat), [], []
    for size in range(1, longest + 1):
        last = flat[size - 1 :]
        code = code[: len(last)] * 256 + last
        inside = row_of[: len(last)] == row_of[size - 1 :]
        if size >= shortest:
            found.append(code[inside])
            rows.append(row_of[: len(last)][inside])
    return np.concatenate(found), np.concatenate(rows)
