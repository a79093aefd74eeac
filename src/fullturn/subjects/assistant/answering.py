"""From a ranking to an answer: quoted sentences, an LLM's words, or an honest no.

A lexical test: it sees invented names and numbers, and misses a negation or a swapped
subject. It is strict for quotes, and a floor for what an LLM writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fullturn.subjects.assistant.index import Index, Passage
from fullturn.subjects.assistant.parameters import MAX_TOKENS, render
from fullturn.subjects.assistant.retrieval import Ranking
from fullturn.subjects.assistant.text import first_words, sentences, stems, words

if TYPE_CHECKING:
    from fullturn.llm import Completion, Message

    Ask = Callable[[Sequence[Message], int], Completion]
    """Messages and the most tokens of the answer → the LLM's completion."""

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


ABSTENTION = "The handbook does not cover this."
WORD_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Draft:
    """A text with the passages it rests on; an empty text is no answer."""

    text: str
    passages: tuple[Passage, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0


def extract(index: Index, ranking: Ranking, passages: int, sentences: int) -> Draft:
    """Quote the best sentences of the best passages, at most 80 words, in reading order.

    If no sentence is that short, the beginning of the best one.
    """
    allowed = ranking.passages[:passages]
    chosen: list[int] = []
    room = WORD_LIMIT
    for number in ranking.sentences:
        sentence = index.sentences[number]
        if sentence.passage in allowed and sentence.length <= room:
            chosen.append(number)
            room -= sentence.length
        if len(chosen) == sentences:
            break
    if not chosen:
        best = next(n for n in ranking.sentences if index.sentences[n].passage in allowed)
        beginning = first_words(index.sentences[best].text, WORD_LIMIT)
        return Draft(beginning, (index.passages[index.sentences[best].passage],))
    quoted = {n: [k for k in sorted(chosen) if index.sentences[k].passage == n] for n in allowed}
    lines = [" ".join(index.sentences[k].text for k in ks) for ks in quoted.values() if ks]
    return Draft("\n".join(lines), tuple(index.passages[n] for n, ks in quoted.items() if ks))


def generate(
    ask: Ask,
    template: str,
    question: str,
    quoted: Draft,
    context: str,
    tokens: int = MAX_TOKENS,
) -> Draft:
    """Let the LLM answer from the quoted text; `context` is secret text in its system role.

    The answer has at most `tokens` tokens.
    """
    completion = ask(render(template, question, quoted.text, context), tokens)
    text = first_words(completion.text, WORD_LIMIT)
    if ABSTENTION.rstrip(".").casefold() in text.casefold():
        text = ""
    cited = _supporting(text, quoted.passages)
    return Draft(text, cited, completion.prompt_tokens, completion.completion_tokens)


def guard(written: Draft, quoted: Draft) -> Draft:
    """What the LLM wrote if a cited passage supports each of its sentences, else the quote."""
    texts = [passage.text for passage in written.passages]
    if written.text and not ungrounded(written.text, texts):
        return written
    return replace(written, text=quoted.text, passages=quoted.passages)


def _supporting(text: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages that support a sentence of the text; all of them if none does."""
    if not text:
        return ()
    parts = answer_sentences(text)
    found = tuple(p for p in passages if any(supports(p.text, part) for part in parts))
    return found or tuple(passages)
