"""How well a question matches a sentence: by words (BM25 over stems) and by meaning."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fullturn.core import extras
from fullturn.subjects.assistant.text import Synonyms, content, stem
from fullturn.subjects.vectors import Vectors, WordVectors, unit

Floats = NDArray[np.float64]


class BM25:
    """BM25 scores of documents for a question, each a list of terms.

    Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; computed by bm25s.
    """

    def __init__(
        self, documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75
    ) -> None:
        bm25s = extras.module("bm25s")
        # An empty collection has no index; it gets a term that nobody asks for.
        terms = sorted({term for document in documents for term in document} | {""})
        self._ids = {term: number for number, term in enumerate(terms)}
        self._size = len(documents)
        numbered = [
            [self._ids[term] for term in document] or [self._ids[""]] for document in documents
        ]
        self._model = bm25s.BM25(k1=k1, b=b)
        self._model.index((numbered, self._ids), show_progress=False)

    def scores(self, asked: Iterable[str]) -> Floats:
        """The score of every document; a repeated term counts as often as it is asked."""
        known = [self._ids[term] for term in asked if term in self._ids]
        if not known:
            return np.zeros(self._size)
        return np.asarray(self._model.get_scores_from_ids(known), dtype=np.float64)


_SYNONYM = 0.8
"""How much a synonym is worth, against the word itself."""


class Vocabulary:
    """The stems of a collection, numbered, with their rarity and a vector each."""

    def __init__(self, documents: Sequence[Sequence[str]], vectors: WordVectors) -> None:
        counts = Counter(word for document in documents for word in content(document))
        forms: dict[str, str] = {}
        for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            forms.setdefault(stem(word), word)
        self.ids = {known: number for number, known in enumerate(forms)}
        found = Counter(s for document in documents for s in {stem(w) for w in content(document)})
        size = len(documents)
        self._unknown = _rarity(0, size)
        self._rarity = {s: _rarity(found[s], size) for s in self.ids}
        self._rarities = np.array(list(self._rarity.values()))
        self._vectors = vectors
        self._table = vectors.means([*forms.values(), ""])

    def rarity(self, terms: Iterable[str]) -> Floats:
        """Inverse document frequency of each stem, as in BM25; an unknown one is rarest.

        A phrase is as rare as its stems are on average.
        """
        return np.array([self._mean_rarity(term.split()) for term in terms])

    def _mean_rarity(self, stems: Sequence[str]) -> float:
        return sum(self._rarity.get(s, self._unknown) for s in stems) / len(stems)

    def numbers(self, stems: Iterable[str]) -> list[int]:
        """The numbers of the known ones among these stems."""
        return [self.ids[s] for s in stems if s in self.ids]

    def related(self, terms: Iterable[str], synonyms: Synonyms) -> list[list[int]]:
        """For each asked term, the numbers of its own stem and of its synonyms."""
        return [self.numbers({term, *synonyms.of(term)}) for term in terms]

    def similar(
        self, terms: Mapping[str, str], related: Sequence[Sequence[int]], weights: Floats
    ) -> Vectors:
        """Vocabulary (and one unused row) x asked terms: how alike they are, from 0 to 1.

        The squared cosine of their vectors; 1 for the same stem. `terms` maps each stem, or
        phrase of stems, to its words. A synonym commoner than the asked word counts less.
        """
        cosines = np.clip(self._table @ self._vectors.means(list(terms.values())).T, 0, 1)
        similar: Vectors = cosines**2
        for column, (term, numbers, weight) in enumerate(zip(terms, related, weights, strict=True)):
            worth = _SYNONYM * np.minimum(self._rarities[numbers] / weight, 1)
            similar[numbers, column] = np.maximum(similar[numbers, column], worth)
            if term in self.ids:
                similar[self.ids[term], column] = 1
        return similar


class Bags:
    """Documents as sets of stems."""

    def __init__(self, documents: Sequence[Iterable[str]], vocabulary: Vocabulary) -> None:
        unused = len(vocabulary.ids)
        # The unused number, similar to nothing, keeps an empty document from vanishing.
        numbered = [sorted({*vocabulary.numbers(stems), unused}) for stems in documents]
        self._flat = np.array([number for document in numbered for number in document])
        self._starts = np.cumsum([0, *(len(document) for document in numbered)])[:-1]
        self._holders: dict[int, list[int]] = {}
        for place, document in enumerate(numbered):
            for number in document:
                self._holders.setdefault(number, []).append(place)

    def coverage(self, similar: Vectors, weights: Floats) -> Floats:
        """Per document: each asked term's best match in it, averaged by weight.

        The share of the question that the document covers, softly: the relaxed distance of
        Kusner et al., From Word Embeddings To Document Distances, ICML 2015, in one direction.
        """
        best = np.maximum.reduceat(similar.take(self._flat, axis=0), self._starts, axis=0)
        return np.asarray(best @ weights / max(weights.sum(), 1e-9), dtype=np.float64)

    def overlap(self, related: Sequence[Sequence[int]], weights: Floats) -> Floats:
        """Per document: the share of asked terms, by weight, that it contains in some wording."""
        found = np.zeros(len(self._starts))
        for numbers, weight in zip(related, weights, strict=True):
            places = {place for number in numbers for place in self._holders.get(number, ())}
            found[list(places)] += weight
        return np.asarray(found / max(weights.sum(), 1e-9))


class Topics:
    """Latent topics of the documents: words that occur together count as alike.

    Deerwester et al., Indexing by Latent Semantic Analysis, JASIS 41(6), 1990.
    """

    def __init__(
        self, documents: Sequence[Sequence[str]], vocabulary: Vocabulary, count: int = 60
    ) -> None:
        self._vocabulary = vocabulary
        self._documents = np.stack([self._weigh(document) for document in documents])
        values, sides = np.linalg.eigh(self._documents @ self._documents.T)
        large = values > 1e-6 * values[-1]
        values, sides = values[large][-count:], sides[:, large][:, -count:]
        self._places = unit(sides * np.sqrt(values))
        self._into = sides / np.sqrt(values)

    def cosines(self, asked: Sequence[str]) -> Floats:
        """The cosine of the asked stems with each document, in the space of topics."""
        place = unit((self._documents @ self._weigh(asked)) @ self._into)
        return np.asarray(self._places @ place, dtype=np.float64)

    def _weigh(self, stems: Sequence[str]) -> Vectors:
        row = np.zeros(len(self._vocabulary.ids), dtype=np.float32)
        counts = Counter(s for s in stems if s in self._vocabulary.ids)
        rarity = self._vocabulary.rarity(counts)
        for (s, count), weight in zip(counts.items(), rarity, strict=True):
            row[self._vocabulary.ids[s]] = (1 + math.log(count)) * weight
        return unit(row)


def _rarity(found: int, size: int) -> float:
    return math.log(1 + (size - found + 0.5) / (found + 0.5))
