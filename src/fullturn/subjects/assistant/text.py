"""Words, stems and sentences: the one way in which the assistant cuts up text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

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
    kept = (word.strip(".") for word in found)
    return f" {' '.join(word for word in kept if word)} "


def contains(text: str, alternatives: Sequence[str]) -> bool:
    """Whether any alternative occurs in the text as whole words."""
    return any(normalised(wording) in normalised(text) for wording in alternatives)
