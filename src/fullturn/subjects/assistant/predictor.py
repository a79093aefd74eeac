"""A loaded assistant: questions in, answers with their citations out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Input, Output
from fullturn.core.errors import DataError
from fullturn.subjects.assistant.answering import (
    ABSTENTION,
    Draft,
    answer_sentences,
    extract,
    generate,
    guard,
    ungrounded,
)
from fullturn.subjects.assistant.index import Index, Passage
from fullturn.subjects.assistant.parameters import MAX_TOKENS, AnswerKind
from fullturn.subjects.assistant.retrieval import Ranking, Retriever
from fullturn.subjects.assistant.text import sentences

if TYPE_CHECKING:
    from fullturn.subjects.assistant.answering import Ask

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Rules:
    """How a bundle answers."""

    answer: AnswerKind
    passages: int
    sentences: int
    threshold: float
    tokens: int = MAX_TOKENS
    """Most tokens of an LLM's answer."""
    template: str = ""
    """The prompt; empty for quotes."""


class AssistantPredictor:
    """Answers questions from the passages of a retriever."""

    def __init__(self, retriever: Retriever, rules: Rules, ask: Ask, context: str = "") -> None:
        self._retriever = retriever
        self._rules = rules
        self._ask = ask
        self._context = context

    def predict(self, rows: Sequence[Input]) -> Sequence[Output]:
        """Answer each row's `question`.

        Raises:
            DataError: a row has no question.
            LLMUnavailable: the LLM was needed and did not answer.
        """
        return [self._answer(_question(row)) for row in rows]

    def _answer(self, question: str) -> Output:
        ranking = self._retriever.rank(question)
        draft = Draft("", ())
        if ranking.confidence >= self._rules.threshold:
            draft = self._draft(question, ranking)
        order = [self._retriever.index.passages[number] for number in ranking.passages]
        return _output(draft, ranking.confidence, order)

    def _draft(self, question: str, ranking: Ranking) -> Draft:
        rules, index = self._rules, self._retriever.index
        quoted = extract(index, ranking, rules.passages, rules.sentences)
        if rules.answer == "extractive":
            return quoted
        written = generate(self._ask, rules.template, question, quoted, self._context, rules.tokens)
        return guard(written, quoted) if rules.answer == "guarded" else written


class FirstSentence:
    """The baseline: the first sentence of BM25's best passage, whatever the question."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def predict(self, rows: Sequence[Input]) -> Sequence[Output]:
        """Answer each row's `question`; never abstains."""
        return [self._answer(_question(row)) for row in rows]

    def _answer(self, question: str) -> Output:
        order = [self._index.passages[number] for number in self._index.bm25(question)]
        text = sentences(order[0].text)[0]
        return _output(Draft(text, (order[0],)), 1.0, order)


def _output(draft: Draft, confidence: float, retrieved: Sequence[Passage]) -> Output:
    return {
        "answer": draft.text or ABSTENTION,
        "abstained": not draft.text,
        "confidence": round(confidence, 6),
        "grounded": _grounded(draft),
        "citations": [passage.id for passage in draft.passages],
        "passages": [_quoted(passage) for passage in draft.passages],
        "retrieved": [passage.id for passage in retrieved[:_LISTED]],
        "prompt_tokens": draft.prompt_tokens,
        "completion_tokens": draft.completion_tokens,
    }


def _grounded(draft: Draft) -> float:
    """Share of the sentences that a cited passage supports; quotes are supported by themselves."""
    parts = answer_sentences(draft.text) if draft.completion_tokens else []
    if not parts:
        return 1.0
    left = ungrounded(draft.text, [passage.text for passage in draft.passages])
    return round(1 - len(left) / len(parts), 6)


def _quoted(passage: Passage) -> dict[str, Any]:
    return {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "sources": passage.sources,
    }


def _question(row: Input) -> str:
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise DataError(f"a row needs a text `question`, not {question!r}")
    return question
