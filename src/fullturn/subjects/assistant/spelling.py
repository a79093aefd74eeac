"""Misspelt words of a question → the words that the passages use.

Only a word that is neither in the passages nor common English is touched, so a correct
question stays as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from fullturn.subjects.assistant.text import STOPWORDS, stem

_SHORTEST = 4


class Speller:
    """Finds the nearest known word by deletions on both sides.

    Two words are near when they agree after at most one letter is deleted from each: this
    covers a dropped, added, replaced or swapped letter (Garbe, symmetric delete, 2012).
    """

    def __init__(self, counts: Mapping[str, int], english: Collection[str]) -> None:
        self._counts = Counter(dict(counts))
        self._counts.update(STOPWORDS)
        self._english = english
        self._stems = {stem(word) for word in counts}
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in self._counts:
            if word.isalpha() and len(word) >= _SHORTEST - 1:
                for shorter in _deletions(word):
                    self._near[shorter].append(word)

    def correct(self, tokens: Iterable[str]) -> list[str]:
        """The words, each misspelt one replaced by its nearest known word, if it has one."""
        return [word if self._is_known(word) else self._nearest(word) for word in tokens]

    def _is_known(self, word: str) -> bool:
        return (
            len(word) < _SHORTEST
            or not word.isalpha()
            or word in self._counts
            or word in self._english
            or stem(word) in self._stems
        )

    def _nearest(self, word: str) -> str:
        near = {known for shorter in _deletions(word) for known in self._near.get(shorter, ())}
        return min(near, key=lambda known: self._cost(word, known), default=word)

    def _cost(self, word: str, known: str) -> tuple[int, bool, int, str]:
        return distance(word, known), word[0] != known[0], -self._counts[known], known


def distance(left: str, right: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours between two words.

    The optimal string alignment form of Damerau, Communications of the ACM 7(3), 1964.
    """
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]


def _deletions(word: str) -> set[str]:
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}
