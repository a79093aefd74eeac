"""Which passages and sentences answer a question: one index, three ways of ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fullturn.apps.assistant.fusion import fit_choice, fit_yes_no, sigmoid, softmax
from fullturn.apps.assistant.index import PASSAGE_FEATURES, SENTENCE_FEATURES, Index, Match
from fullturn.apps.assistant.text import contains

Floats = NDArray[np.float64]
Weights = Mapping[str, float]

RETRIEVALS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bm25": (("bm25",), ("bm25",)),
    "vectors": (("cosine", "sentence_cosine"), ("cosine",)),
    "fused": (PASSAGE_FEATURES, SENTENCE_FEATURES),
}
"""The features of passages and of sentences that each way of ranking may use."""

EVIDENCE = ("log_top", "log_second", "known", "match", "related", "cosine", "sentence")
"""What the answerability of a question is judged by."""
_CONSTANT = "constant"
_PROBABILITY = "log_probability"


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """The learned numbers of a bundle, by feature."""

    passage: Weights
    sentence: Weights
    answerable: Weights


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with its passage's number (None: no answer) and its key facts."""

    text: str
    passage: int | None
    facts: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer, by its number in the index, with its probability."""

    sentence: int
    passage: int
    probability: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found for a question, best first.

    `passages` are all passages' numbers; `probabilities` are by passage number;
    `candidates` are the sentences of the first few passages.
    """

    passages: tuple[int, ...]
    probabilities: Floats
    candidates: tuple[Candidate, ...]
    confidence: float
    """Probability that the passages answer the question at all."""


class Retriever:
    """Ranks the passages of an index, and the sentences of the best `depth` of them."""

    def __init__(self, index: Index, weights: FusionWeights, depth: int) -> None:
        self.index = index
        self._depth = depth
        self._passage = _column(weights.passage, PASSAGE_FEATURES)
        self._sentence = _column(weights.sentence, (*SENTENCE_FEATURES, _PROBABILITY, _CONSTANT))
        self._answerable = _column(weights.answerable, (*EVIDENCE, _CONSTANT))

    def rank(self, question: str) -> Ranking:
        """Rank everything for one question."""
        match = self.index.match(question)
        probabilities = softmax(match.passages @ self._passage)
        order = np.argsort(-probabilities, kind="stable")
        numbers = self.index.sentences_of(order[: self._depth])
        scores = _sentence_rows(self.index, match, probabilities, numbers) @ self._sentence
        best = np.argsort(-scores, kind="stable")
        candidates = tuple(
            Candidate(int(numbers[i]), self.index.sentences[numbers[i]].passage, sigmoid(scores[i]))
            for i in best
        )
        evidence = _evidence(match, probabilities, candidates[0].probability)
        confidence = sigmoid(float(np.append(evidence, 1.0) @ self._answerable))
        return Ranking(tuple(int(n) for n in order), probabilities, candidates, confidence)


def fit(index: Index, questions: Sequence[Labelled], retrieval: str, depth: int) -> FusionWeights:
    """Learn all weights from labelled questions; only features of `retrieval` get any.

    Deterministic: the three losses are convex.
    """
    passage_names, sentence_names = RETRIEVALS[retrieval]
    matches = [index.match(question.text) for question in questions]
    pairs = [
        (question, match)
        for question, match in zip(questions, matches, strict=True)
        if question.passage is not None
    ]
    chosen = [PASSAGE_FEATURES.index(name) for name in passage_names]
    fitted = fit_choice(
        [match.passages[:, chosen] for _, match in pairs],
        [question.passage for question, _ in pairs if question.passage is not None],
    )
    passage = dict(zip(passage_names, map(float, fitted), strict=True))
    sentence = _fit_sentences(
        index, pairs, _column(passage, PASSAGE_FEATURES), sentence_names, depth
    )
    retriever = Retriever(index, FusionWeights(passage, sentence, {}), depth)
    return FusionWeights(passage, sentence, _fit_answerable(retriever, questions, matches))


def _fit_sentences(
    index: Index,
    pairs: Sequence[tuple[Labelled, Match]],
    passage: Floats,
    names: Sequence[str],
    depth: int,
) -> dict[str, float]:
    chosen = [*(SENTENCE_FEATURES.index(name) for name in names), len(SENTENCE_FEATURES)]
    rows: list[Floats] = []
    labels: list[bool] = []
    for question, match in pairs:
        probabilities = softmax(match.passages @ passage)
        best = np.argsort(-probabilities, kind="stable")[:depth]
        numbers = index.sentences_of([*best, question.passage or 0])
        rows.append(_sentence_rows(index, match, probabilities, numbers)[:, chosen])
        labels.extend(_answers(index, number, question) for number in numbers)
    fitted = fit_yes_no(np.concatenate(rows), labels)
    return dict(zip((*names, _PROBABILITY, _CONSTANT), map(float, fitted), strict=True))


def _fit_answerable(
    retriever: Retriever, questions: Sequence[Labelled], matches: Sequence[Match]
) -> dict[str, float]:
    rows = []
    for question, match in zip(questions, matches, strict=True):
        ranking = retriever.rank(question.text)
        rows.append(_evidence(match, ranking.probabilities, ranking.candidates[0].probability))
    fitted = fit_yes_no(np.stack(rows), [question.passage is not None for question in questions])
    return dict(zip((*EVIDENCE, _CONSTANT), map(float, fitted), strict=True))


def _sentence_rows(
    index: Index, match: Match, probabilities: Floats, numbers: Sequence[int]
) -> Floats:
    owners = [index.sentences[number].passage for number in numbers]
    likely = np.log(probabilities[owners] + 1e-12)
    return np.column_stack([match.sentences[list(numbers)], likely, np.ones(len(numbers))])


def _evidence(match: Match, probabilities: Floats, sentence: float) -> Floats:
    first, second = np.sort(probabilities)[::-1][:2] if len(probabilities) > 1 else (1.0, 0.0)
    features = dict(zip(PASSAGE_FEATURES, match.passages.max(axis=0), strict=True))
    return np.array(
        [
            np.log(first + 1e-12),
            np.log(second + 1e-12),
            match.known,
            features["match"],
            features["related"],
            features["cosine"],
            sentence,
        ]
    )


def _answers(index: Index, number: int, question: Labelled) -> bool:
    sentence = index.sentences[number]
    return sentence.passage == question.passage and any(
        contains(sentence.text, fact) for fact in question.facts
    )


def _column(weights: Weights, names: Sequence[str]) -> Floats:
    return np.array([weights.get(name, 0.0) for name in names])
