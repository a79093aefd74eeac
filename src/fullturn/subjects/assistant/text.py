"""Words, stems and sentences; misspelt words corrected; words that people use for one another.

Only a word that is neither in the passages nor common English is touched, so a correct
question stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

import Stemmer

_WORD = re.compile(r"[a-z0-9]+(?:[.'’][a-z0-9]+)*")
_TOKEN = re.compile(r"[a-z0-9%.]+")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`\"(“])")
_APOSTROPHES = str.maketrans("", "", "'’")
_STEMMER = Stemmer.Stemmer("english")

_STOPWORDS = """
    a about actually also am an and any are as at be been being but by can cant could did do
    does doesnt dont for from get got had has have he her his how i if im in into is isnt it its
    just many may me might more most much must my no not of on or our ours please really she
    should so some than that thats the their them then there these they this to us was we were
    what whats when where which who whom whose why will with would you your
"""
STOPWORDS = frozenset(_STOPWORDS.split())


def words(text: str) -> list[str]:
    """Words in order, casefolded, without apostrophes; a number keeps its decimal point."""
    return [word.translate(_APOSTROPHES) for word in _WORD.findall(text.casefold())]


def content(tokens: Iterable[str]) -> list[str]:
    """The words that carry meaning: those that are no stopwords."""
    return [word for word in tokens if word not in STOPWORDS]


def stems(tokens: Iterable[str]) -> list[str]:
    """The stems of the content words, in order."""
    return [stem(word) for word in content(tokens)]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The Snowball stem of an English word (Porter 2, snowballstem.org)."""
    return str(_STEMMER.stemWord(word))


def sentences(text: str) -> list[str]:
    """Sentences in order; a colon followed by a capital or a digit also ends one."""
    return [part for part in _SENTENCE_END.split(" ".join(text.split())) if part]


def first_words(text: str, limit: int) -> str:
    """The first `limit` words, with single spaces."""
    return " ".join(text.split()[:limit])


def normalised(text: str) -> str:
    """Text for matching whole words: casefolded, punctuation out, padded with spaces.

    Decimal points and percent signs stay, since they belong to a number.
    """
    found = _TOKEN.findall(text.casefold().translate(_APOSTROPHES))
    stripped = (word.strip(".") for word in found)
    return f" {' '.join(word for word in stripped if word)} "


def contains(text: str, alternatives: Sequence[str]) -> bool:
    """Whether any alternative occurs in the text as whole words."""
    return any(normalised(wording) in normalised(text) for wording in alternatives)


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


_LONGEST = 3


class Synonyms:
    """Which stems a word or a phrase of a question also means."""

    def __init__(self, text: str) -> None:
        """`text` has one group a line, its members separated by commas; `#` begins a comment."""
        self.text = text
        self._related: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                self._add([tuple(map(stem, words(member))) for member in line.split(",")])

    def of(self, term: str) -> set[str]:
        """The stems related to a stem, or to a phrase of stems separated by spaces."""
        return self._related.get(tuple(term.split()), set())

    def phrases(self, stems: Sequence[str]) -> list[str]:
        """The known phrases of two or three neighbouring stems."""
        return [
            " ".join(stems[start : start + length])
            for length in range(2, _LONGEST + 1)
            for start in range(len(stems) - length + 1)
            if tuple(stems[start : start + length]) in self._related
        ]

    def _add(self, members: Iterable[tuple[str, ...]]) -> None:
        group = list(members)
        single = {member[0] for member in group if len(member) == 1}
        for member in group:
            self._related[member] |= single - set(member)


def builtin_synonyms() -> str:
    """The groups that come with fullturn, about models in operation."""
    return (files("fullturn.subjects.assistant") / "synonyms.txt").read_text("utf-8")
