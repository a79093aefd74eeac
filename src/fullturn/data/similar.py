"""Near-equal texts: which pairs of many texts are nearly the same.

Similarity is the Jaccard index of the sets of character trigrams (Broder, "On the
resemblance and containment of documents", 1997), after case, punctuation and white space
are levelled. The join is exact and avoids comparing every pair by prefix filtering
(Chaudhuri, Ganti, Kaushik, "A primitive operator for similarity joins in data cleaning",
ICDE 2006): two sets that share a fraction t of their members share one of their
n - ceil(t·n) + 1 rarest.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Pair = tuple[int, int]
_BLOCK = 1_000
_PAIRS_AT_ONCE = 50_000
_ROUNDING = 1e-9


def similar_pairs(texts: Sequence[str], threshold: float) -> list[Pair]:
    """Pairs (i, j), i < j, of texts whose similarity is at least `threshold`, in (0, 1].

    Of texts that are equal after normalisation, only the first is compared: the others are
    paired with it and with nothing else.
    """
    first: dict[frozenset[str], int] = {}
    pairs = [(first.setdefault(trigrams(text), n), n) for n, text in enumerate(texts)]
    copies = [(one, other) for one, other in pairs if one != other]
    numbers = list(first.values())
    return sorted(copies + [(numbers[i], numbers[j]) for i, j in _join(list(first), threshold)])


def drop_near_duplicates(known: Sequence[str], texts: Sequence[str], threshold: float) -> list[int]:
    """Numbers of the texts that are near-equal to none that is known, and to none before them."""
    repeated = {later for _, later in similar_pairs([*known, *texts], threshold)}
    return [n for n in range(len(texts)) if len(known) + n not in repeated]


def trigrams(text: str) -> frozenset[str]:
    """The set of character trigrams of a text; of the raw text if it has no letter or digit."""
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    level = f" {' '.join(words) or text} "
    return frozenset(level[i : i + 3] for i in range(len(level) - 2))


def _join(sets: Sequence[frozenset[str]], threshold: float) -> Iterator[Pair]:
    if len(sets) < 2:
        return
    members, rarest = _matrices(sets, threshold)
    sizes = np.diff(members.indptr)
    for left, right in _candidates(rarest, sizes, threshold):
        shared = np.asarray(members[left].multiply(members[right]).sum(axis=1)).ravel()
        union = sizes[left] + sizes[right] - shared
        hit = shared >= threshold * union - _ROUNDING
        yield from zip(left[hit].tolist(), right[hit].tolist(), strict=True)


def _matrices(sets: Sequence[frozenset[str]], threshold: float) -> tuple[Any, Any]:
    """Two 0/1 matrices, texts by trigrams: all members, and only each text's rarest."""
    from scipy import sparse

    counts = Counter(gram for grams in sets for gram in grams)
    rank = {gram: n for n, gram in enumerate(sorted(counts, key=lambda g: (counts[g], g)))}
    sizes = np.array([len(grams) for grams in sets])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ranks = np.fromiter((rank[gram] for grams in sets for gram in grams), np.int64, starts[-1])
    columns = ranks[np.lexsort((ranks, np.repeat(np.arange(len(sets)), sizes)))]
    position = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
    prefix = sizes - np.ceil(threshold * sizes - _ROUNDING) + 1
    keep = position < np.repeat(prefix, sizes)
    new_starts = np.concatenate([[0], np.cumsum(keep)])[starts]

    def matrix(chosen: Any, at: Any) -> Any:
        ones = np.ones(len(chosen), dtype=np.int32)
        return sparse.csr_matrix((ones, chosen, at), shape=(len(sets), len(rank)))

    return matrix(columns, starts), matrix(columns[keep], new_starts)


def _candidates(rarest: Any, sizes: Any, threshold: float) -> Iterator[tuple[Any, Any]]:
    """Arrays of row numbers, a block at a time: pairs that share a rare trigram."""
    by_trigram = rarest.T.tocsr()
    for start in range(0, rarest.shape[0], _BLOCK):
        shared = (rarest[start : start + _BLOCK] @ by_trigram).tocoo()
        left, right = shared.row + start, shared.col
        small, big = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        possible = (left < right) & (small >= threshold * big - _ROUNDING)
        left, right = left[possible], right[possible]
        for at in range(0, len(left), _PAIRS_AT_ONCE):
            yield left[at : at + _PAIRS_AT_ONCE], right[at : at + _PAIRS_AT_ONCE]
