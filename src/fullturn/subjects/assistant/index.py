"""Passages → numbers: how well a question matches each of their sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fullturn.subjects.assistant.matching import BM25, Bags, Topics, Vocabulary
from fullturn.subjects.assistant.text import (
    Speller,
    Synonyms,
    content,
    sentences,
    stem,
    stems,
    words,
)
from fullturn.subjects.vectors import Vectors, word_vectors

Floats = NDArray[np.float64]

_OWN = ("bm25", "match", "related", "cosine")
_BEST = [0, 1, 3]
FEATURES = (
    *(f"passage_{name}" for name in (*_OWN, "topics")),
    "title_match",
    "title_related",
    "chapter_bm25",
    *(f"best_{_OWN[column]}" for column in _BEST),
    *_OWN,
    *(f"before_{name}" for name in _OWN),
    *(f"after_{name}" for name in _OWN),
    "number",
    "definition",
    "first",
    "last",
    "place",
    "length",
)
"""Of a sentence: its passage, title and chapter, the best of its passage, itself, neighbours."""
_ASKS_NUMBER = re.compile(
    r"\b(how (many|much|long|often|large|big|small|high|low|far|fast|quickly|soon|old)|percent\w*"
    r"|share|number|size|rate|odds|probability|chance|limit|threshold|count|figure)\b"
)
_ASKS_DEFINITION = re.compile(
    r"^((so|and|please) )?(what (is|are|does|s)|whats|define|explain|describe)\b|\bmeaning of\b"
)
_NUMBER = re.compile(
    r"\d|\b(two|three|four|five|six|seven|eight|nine|ten|half|third|quarter)\b", re.IGNORECASE
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
    length: int
    """Number of words."""


@dataclass(frozen=True, slots=True)
class Match:
    """How a question matches: sentences x FEATURES."""

    features: Floats
    known: float
    """Share of the question's words, by rarity, that some passage uses."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, analysed."""

    stems: list[str]
    weights: Floats
    """Of its terms, which are different stems and known phrases: their rarity."""
    related: list[list[int]]
    similar: Vectors
    mean: Vectors
    known: float
    asks_number: bool
    asks_definition: bool


@dataclass(frozen=True, slots=True)
class _Collection:
    """Texts, ready to be compared with a question: whole passages, or sentences."""

    bm25: BM25
    bags: Bags
    means: Vectors

    def scores(self, asked: _Asked) -> Floats:
        """Texts x _OWN."""
        columns = [
            self.bm25.scores(asked.stems),
            self.bags.coverage(asked.similar, asked.weights),
            self.bags.overlap(asked.related, asked.weights),
            self.means @ asked.mean,
        ]
        return np.column_stack(columns)


@lru_cache(maxsize=4)
def index_of(passages: tuple[Passage, ...], thesaurus: str) -> Index:
    """The index over these passages, made once per process; `thesaurus` as in `Synonyms`."""
    return Index(passages, Synonyms(thesaurus))


class Index:
    """Everything about the passages that does not depend on a question."""

    def __init__(self, passages: Sequence[Passage], synonyms: Synonyms) -> None:
        self.passages = tuple(passages)
        self.synonyms = synonyms
        self.sentences = tuple(
            Sentence(number, position, text, len(text.split()))
            for number, passage in enumerate(passages)
            for position, text in enumerate(sentences(passage.text))
        )
        self.owners = np.array([sentence.passage for sentence in self.sentences])
        texts = [f"{passage.title}. {passage.text}" for passage in passages]
        tokens = [words(text) for text in texts]
        self._vectors = word_vectors()
        self._speller = Speller(Counter(w for t in tokens for w in t), self._vectors.english)
        self._vocabulary = Vocabulary(tokens, self._vectors)
        self._topics = Topics([stems(t) for t in tokens], self._vocabulary)
        self._wholes = self._collection(texts)
        self._titles = self._collection([passage.title for passage in passages])
        self._parts = self._collection([sentence.text for sentence in self.sentences])
        names = {name: n for n, name in enumerate(dict.fromkeys(p.chapter for p in passages))}
        self._chapters = np.array([names[passage.chapter] for passage in passages])
        self._place_sentences()

    def match(self, question: str) -> Match:
        """The features of every sentence for one question."""
        asked = self._analyse(question)
        whole, part = self._wholes.scores(asked), self._parts.scores(asked)
        topics = self._topics.cosines(asked.stems)
        titled = self._titles.scores(asked)[:, 1:3]
        of_passage = np.column_stack([whole, topics, titled, self._mean_of_chapter(whole[:, 0])])
        best = np.maximum.reduceat(part[:, _BEST], self._starts, axis=0)
        padded = np.vstack([part, np.zeros(len(_OWN))])
        features = [
            of_passage[self.owners],
            best[self.owners],
            part,
            padded[self._before],
            padded[self._after],
            self._has_number * asked.asks_number,
            self._first * asked.asks_definition,
            self._fixed,
        ]
        return Match(np.column_stack(features), asked.known)

    def bm25(self, question: str) -> list[int]:
        """The numbers of all passages by BM25 alone, best first."""
        scores = self._wholes.bm25.scores(stems(words(question)))
        return [int(number) for number in np.argsort(-scores, kind="stable")]

    def _analyse(self, question: str) -> _Asked:
        tokens = self._speller.correct(words(question))
        corrected = " ".join(tokens)
        single = {stem(word): word for word in content(tokens)}
        terms = single | {p: p for p in self.synonyms.phrases([stem(word) for word in tokens])}
        weights = self._vocabulary.rarity(terms)
        related = self._vocabulary.related(terms, self.synonyms)
        rarity = self._vocabulary.rarity(single)
        found = [term in self._vocabulary.ids for term in single]
        return _Asked(
            stems=stems(tokens),
            weights=weights,
            related=related,
            similar=self._vocabulary.similar(terms, related, weights),
            mean=self._vectors.means([corrected])[0],
            known=float(rarity @ found / rarity.sum()) if single else 0.0,
            asks_number=bool(_ASKS_NUMBER.search(corrected)),
            asks_definition=bool(_ASKS_DEFINITION.search(corrected)),
        )

    def _mean_of_chapter(self, scores: Floats) -> Floats:
        sums = np.bincount(self._chapters, scores)
        return np.asarray((sums / np.bincount(self._chapters))[self._chapters])

    def _collection(self, texts: Sequence[str]) -> _Collection:
        stemmed = [stems(words(text)) for text in texts]
        return _Collection(
            BM25(stemmed), Bags(stemmed, self._vocabulary), self._vectors.means(texts)
        )

    def _place_sentences(self) -> None:
        """What a sentence's features need that no question changes."""
        count = len(self.sentences)
        numbers = np.arange(count)
        first = np.diff(self.owners, prepend=-1) != 0
        last = np.diff(self.owners, append=-1) != 0
        self._starts = np.flatnonzero(first)
        # Row `count` of the padded scores is zero: a sentence without a neighbour.
        self._before = np.where(first, count, numbers - 1)
        self._after = np.where(last, count, numbers + 1)
        positions = np.array([sentence.position for sentence in self.sentences])
        place = positions / np.maximum(1, np.bincount(self.owners)[self.owners] - 1)
        lengths = [sentence.length for sentence in self.sentences]
        self._first = first.astype(np.float64)
        self._fixed = np.column_stack([first, last, place, lengths])
        self._has_number = np.array([bool(_NUMBER.search(s.text)) for s in self.sentences])
