"""Misspelt words of a question → the words of the training texts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Self

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 4
_SEEN_IN = 2
"""A word is known if so many training texts hold it."""


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
        """Know the words that two or more of these texts hold."""
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
