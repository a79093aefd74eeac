"""Passages → numbers: how well a question matches each passage and each sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fullturn.apps.assistant.lexical import BM25
from fullturn.apps.assistant.semantic import Bags, Topics, Vocabulary
from fullturn.apps.assistant.spelling import Speller
from fullturn.apps.assistant.synonyms import Synonyms
from fullturn.apps.assistant.text import content, sentences, stem, stems, words
from fullturn.apps.assistant.vectors import word_vectors

Floats = NDArray[np.float64]

PASSAGE_FEATURES = (
    "bm25",
    "match",
    "related",
    "cosine",
    "topics",
    "chapter",
    "sentence_bm25",
    "sentence_match",
    "sentence_cosine",
)
SENTENCE_FEATURES = ("bm25", "match", "related", "cosine", "number", "first", "length")
_ASKS_NUMBER = re.compile(
    r"\b(how (many|much|long|often|large|big|small|high|low|far|fast|quickly|soon|old)|percent\w*"
    r"|share|number|size|rate|odds|probability|chance|limit|threshold|count|figure)\b"
)
_HOLDS_NUMBER = re.compile(
    r"\d|\b(two|three|four|five|six|seven|eight|nine|ten|half|third|quarter)\b"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that can be cited."""

    id: str
    title: str
    text: str
    chapter: str = ""
    sources: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence; `passage` is the number of its passage in the index."""

    passage: int
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """How a question matches: passages x PASSAGE_FEATURES, sentences x SENTENCE_FEATURES."""

    passages: Floats
    sentences: Floats
    known: float
    """Share of the question's words, by rarity, that some passage uses."""


class Index:
    """Everything about the passages that does not depend on a question."""

    def __init__(self, passages: Sequence[Passage], synonyms: Synonyms) -> None:
        self.passages = tuple(passages)
        self.synonyms = synonyms
        self.sentences = tuple(
            Sentence(number, position, text)
            for number, passage in enumerate(passages)
            for position, text in enumerate(sentences(passage.text))
        )
        self._vectors = word_vectors()
        texts = [f"{passage.title}. {passage.text}" for passage in passages]
        tokens = [words(text) for text in texts]
        self._speller = Speller(Counter(w for t in tokens for w in t), self._vectors.english)
        self._vocabulary = Vocabulary(tokens, self._vectors)
        self._index_passages(texts, [stems(t) for t in tokens])
        self._index_sentences([sentence.text for sentence in self.sentences])

    def _index_passages(self, texts: Sequence[str], stemmed: Sequence[Sequence[str]]) -> None:
        self._bm25 = BM25(stemmed)
        self._bags = Bags(stemmed, self._vocabulary)
        self._topics = Topics(stemmed, self._vocabulary)
        self._means = self._vectors.means(texts)
        names = [passage.chapter for passage in self.passages]
        chapters = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self._chapters = np.array([chapters[name] for name in names])

    def _index_sentences(self, texts: Sequence[str]) -> None:
        stemmed = [stems(words(text)) for text in texts]
        self._owners = np.array([sentence.passage for sentence in self.sentences])
        self._sentence_bm25 = BM25(stemmed)
        self._sentence_bags = Bags(stemmed, self._vocabulary)
        self._sentence_means = self._vectors.means(texts)
        self._holds_number = np.array([bool(_HOLDS_NUMBER.search(text)) for text in texts])
        self._first = np.array([sentence.position == 0 for sentence in self.sentences])
        self._lengths = np.array([len(text.split()) for text in texts])

    def sentences_of(self, passages: Iterable[int]) -> list[int]:
        """The numbers of all sentences of these passages, in the order of the passages."""
        starts = np.searchsorted(self._owners, [*range(len(self.passages) + 1)])
        return [
            number
            for passage in dict.fromkeys(passages)
            for number in range(starts[passage], starts[passage + 1])
        ]

    def match(self, question: str) -> Match:
        """The features of every passage and every sentence for one question."""
        tokens = self._speller.correct(words(question))
        asked = {stem(word): word for word in content(tokens)}
        terms = asked | {p: p for p in self.synonyms.phrases([stem(word) for word in tokens])}
        weights = self._vocabulary.rarity(terms)
        related = self._vocabulary.related(terms, self.synonyms)
        similar = np.maximum(
            self._vocabulary.similarity(terms), self._vocabulary.discounted(related, weights)
        )
        mean = self._vectors.means([" ".join(tokens)])[0]
        by_sentence = np.stack(
            [
                self._sentence_bm25.scores(stems(tokens)),
                self._sentence_bags.coverage(similar, weights),
                self._sentence_bags.coverage(related, weights),
                self._sentence_means @ mean,
                self._holds_number * bool(_ASKS_NUMBER.search(" ".join(tokens))),
                self._first,
                self._lengths,
            ],
            axis=1,
        )
        bm25 = self._bm25.scores(stems(tokens))
        by_passage = np.stack(
            [
                bm25,
                self._bags.coverage(similar, weights),
                self._bags.coverage(related, weights),
                self._means @ mean,
                self._topics.cosines(stems(tokens)),
                self._mean_of_chapter(bm25),
                self._best_of_passage(by_sentence[:, 0]),
                self._best_of_passage(by_sentence[:, 1]),
                self._best_of_passage(by_sentence[:, 3]),
            ],
            axis=1,
        )
        found = np.array([s in self._vocabulary.ids for s in asked])
        rarity = weights[: len(asked)]
        known = float(rarity @ found / max(rarity.sum(), 1e-9)) if asked else 0.0
        return Match(by_passage, by_sentence, known)

    def _best_of_passage(self, scores: Floats) -> Floats:
        best = np.zeros(len(self.passages))
        np.maximum.at(best, self._owners, scores)
        return best

    def _mean_of_chapter(self, scores: Floats) -> Floats:
        sums = np.bincount(self._chapters, scores)
        return np.asarray((sums / np.bincount(self._chapters))[self._chapters])
