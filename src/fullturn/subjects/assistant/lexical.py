"""Matching by words: BM25 over stems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class BM25:
    """BM25 scores of documents for a question, each a list of terms.

    Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; computed by bm25s.
    """

    def __init__(
        self, documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75
    ) -> None:
        import bm25s

        # An empty collection has no index; a term that nobody asks for stands in.
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
