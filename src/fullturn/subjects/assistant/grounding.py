"""Whether a sentence says only what a passage says, judged by its words.

A lexical test: it sees invented names and numbers, and misses a negation or a swapped
subject. It is strict for quotes, and a floor for what an LLM writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from fullturn.subjects.assistant.text import sentences, stems, words

SHARE = 0.75
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def supports(passage: str, sentence: str) -> bool:
    """All numbers of the sentence, and three quarters of its content stems, are in the passage."""
    if not numbers(sentence) <= numbers(passage):
        return False
    said = _stems(sentence)
    return len(said & _stems(passage)) >= SHARE * len(said)


def ungrounded(text: str, passages: Sequence[str]) -> list[str]:
    """The sentences of a text that no single one of the passages supports."""
    return [
        sentence
        for sentence in answer_sentences(text)
        if not any(supports(passage, sentence) for passage in passages)
    ]


def answer_sentences(text: str) -> list[str]:
    """The sentences of an answer; a line break also ends one."""
    return [sentence for line in text.splitlines() for sentence in sentences(line)]


def numbers(text: str) -> set[str]:
    """The numbers in a text, without thousands separators."""
    return {found.replace(",", "") for found in _NUMBER.findall(text)}


@lru_cache(maxsize=2_000)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(words(text)))
