"""Which sentences and passages answer a question: one index, three ways of ranking.

Two small linear models rank sentences and judge whether there is an answer at all. Their weights
are numbers in a JSON file; fitting needs scipy, applying them needs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fullturn.core.errors import DataError
from fullturn.subjects.assistant.index import FEATURES, Index, Match
from fullturn.subjects.assistant.text import contains
from fullturn.subjects.vectors import one_core

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Weights = Mapping[str, float]

RETRIEVALS: Mapping[str, tuple[str, ...]] = {
    "bm25": tuple(name for name in FEATURES if name.endswith("bm25")),
    "vectors": tuple(name for name in FEATURES if name.endswith("cosine")),
    "fused": FEATURES,
}
"""The features that each way of ranking may use."""

_STRONGEST = ("passage_match", "passage_related", "passage_cosine")
_EVIDENCE = ("score", "log_first", "log_second", "known", *_STRONGEST)
"""What the answerability of a question is judged by."""
_CONSTANT = "constant"
_CONFUSING = ("passage_bm25", "passage_match", "passage_cosine")
_NEGATIVES = 30


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """The learned numbers of a bundle, by feature."""

    sentence: Weights
    answerable: Weights


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with its passage's number (None: no answer) and its key facts."""

    text: str
    passage: int | None
    facts: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Numbers of all passages and of all sentences of an index, best first."""

    passages: tuple[int, ...]
    sentences: tuple[int, ...]
    confidence: float
    """Probability that the passages answer the question at all."""


class Retriever:
    """Ranks the sentences of an index, and its passages by their sentences."""

    def __init__(self, index: Index, weights: FusionWeights) -> None:
        self.index = index
        self._sentence = _column(weights.sentence, FEATURES)
        self._answerable = _column(weights.answerable, (*_EVIDENCE, _CONSTANT))

    def rank(self, question: str) -> Ranking:
        """Rank everything for one question."""
        with one_core():
            return self._rank(question)

    def _rank(self, question: str) -> Ranking:
        match = self.index.match(question)
        scores = match.features @ self._sentence
        passages = _by_passage(self.index, scores)
        evidence = _evidence(match, scores, passages)
        return Ranking(
            tuple(np.argsort(-passages, kind="stable").tolist()),
            tuple(np.argsort(-scores, kind="stable").tolist()),
            sigmoid(float(np.append(evidence, 1.0) @ self._answerable)),
        )


def fit(index: Index, questions: Sequence[Labelled], retrieval: str) -> FusionWeights:
    """Learn all weights from labelled questions; only features of `retrieval` get any.

    Deterministic: both losses are convex.

    Raises:
        DataError: no question has an answer, so there is nothing to learn from.
    """
    with one_core():
        return _fit(index, questions, retrieval)


def _fit(index: Index, questions: Sequence[Labelled], retrieval: str) -> FusionWeights:
    matches = [index.match(question.text) for question in questions]
    chosen = [FEATURES.index(name) for name in RETRIEVALS[retrieval]]
    cases, right = _choices(index, questions, matches)
    fitted = fit_choice([case[:, chosen] for case in cases], right)
    sentence = dict(zip(RETRIEVALS[retrieval], fitted.tolist(), strict=True))
    column = _column(sentence, FEATURES)
    evidence = []
    for match in matches:
        scores = match.features @ column
        evidence.append(_evidence(match, scores, _by_passage(index, scores)))
    labels = [question.passage is not None for question in questions]
    answerable = fit_yes_no(np.stack(evidence), labels).tolist()
    return FusionWeights(sentence, dict(zip((*_EVIDENCE, _CONSTANT), answerable, strict=True)))


def _choices(
    index: Index, questions: Sequence[Labelled], matches: Sequence[Match]
) -> tuple[list[Floats], list[Bools]]:
    """Sentences to choose from, and which contain a key fact, for each answered question."""
    cases: list[Floats] = []
    right: list[Bools] = []
    for question, match in zip(questions, matches, strict=True):
        offered = _confusing(index, match, question.passage)
        chosen = [n for n, sentence in enumerate(index.sentences) if sentence.passage in offered]
        facts = np.array([_has_fact(index, number, question) for number in chosen])
        if facts.any():
            cases.append(match.features[chosen])
            right.append(facts)
    if not cases:
        raise DataError(
            "no question of split 'train' has key facts in a passage; the assistant needs "
            "answered questions to learn from"
        )
    return cases, right


def _confusing(index: Index, match: Match, passage: int | None) -> set[int]:
    """The right passage, and those that look most like it by words or by vectors."""
    found = {-1 if passage is None else passage}
    for name in _CONFUSING:
        best = np.argsort(-match.features[:, FEATURES.index(name)], kind="stable")
        found.update(list(dict.fromkeys(index.owners[best].tolist()))[:_NEGATIVES])
    return found


def _has_fact(index: Index, number: int, question: Labelled) -> bool:
    sentence = index.sentences[number]
    return sentence.passage == question.passage and any(
        contains(sentence.text, fact) for fact in question.facts
    )


def _by_passage(index: Index, scores: Floats) -> Floats:
    """The probability of each passage: that of its sentences together."""
    return np.asarray(np.bincount(index.owners, softmax(scores)), dtype=np.float64)


def _evidence(match: Match, scores: Floats, passages: Floats) -> Floats:
    likely = np.log(np.sort(passages)[::-1][:2] + 1e-12)
    strongest = match.features[:, [FEATURES.index(name) for name in _STRONGEST]].max(axis=0)
    return np.array([scores.max(), likely[0], likely[-1], match.known, *strongest])


def _column(weights: Weights, names: Sequence[str]) -> Floats:
    return np.array([weights.get(name, 0.0) for name in names])


def softmax(scores: Floats) -> Floats:
    """Probabilities proportional to exp(score)."""
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def sigmoid(score: float) -> float:
    """The logistic function, without overflow."""
    return float(0.5 * (1 + np.tanh(score / 2)))


def fit_choice(
    questions: Sequence[Floats], right: Sequence[Bools], penalty: float = 10.0
) -> Floats:
    """Weights under which the right candidates of each question are most probable together.

    A conditional logit (McFadden 1974): P(candidate) is the softmax of features @ weights
    over the candidates of one question. `questions` has candidates x features arrays,
    `right` marks at least one candidate of each.
    """
    scale = np.concatenate(list(questions)).std(axis=0) + 1e-9
    scaled = [features / scale for features in questions]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = penalty * float(weights @ weights) / 2, penalty * weights
        for features, chosen in zip(scaled, right, strict=True):
            probable = softmax(features @ weights)
            hit = probable * chosen
            total -= float(np.log(hit.sum() + 1e-12))
            slope = slope + (probable - hit / (hit.sum() + 1e-12)) @ features
        return total, slope

    return np.asarray(_minimise(loss, len(scale)) / scale)


def fit_yes_no(features: Floats, labels: Sequence[bool], penalty: float = 1.0) -> Floats:
    """Weights of a logistic regression; the last one belongs to a constant 1.

    `features` has one row per case. The constant is not penalised.
    """
    scale = np.append(features.std(axis=0) + 1e-9, 1.0)
    scaled = np.column_stack([features, np.ones(len(features))]) / scale
    signs = np.where(np.asarray(labels), 1.0, -1.0)
    shrink = np.append(np.full(features.shape[1], penalty), 1e-6)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (scaled @ weights)
        total = np.logaddexp(0, -margins).sum() + (shrink * weights**2).sum() / 2
        slope = -(signs * 0.5 * (1 - np.tanh(margins / 2))) @ scaled + shrink * weights
        return float(total), slope

    return np.asarray(_minimise(loss, len(scale)) / scale)


def _minimise(loss: Callable[[Floats], tuple[float, Floats]], size: int) -> Floats:
    from scipy.optimize import minimize

    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)
