"""Words that one set of texts uses more than another: the name of a new subject."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from fullturn.subjects.assistant.text import content, stem, words

MOST = 8
_PRIOR = 50.0
"""Weight of what both sets say together, in words."""
_DISTINCT = 2.5
"""Standard errors from which on a word is distinctive."""


_PLAIN = frozenset(
    "one two three use used uses using take takes took taken go goes going went come comes came "
    "way ways thing things make makes made need needs want wants like let old new good better "
    "same another still even say says said know see look put keep give tell ask happen happens "
    "happened through off up down out over under again back first last own".split()
)
"""Words that name no subject, besides the stopwords of retrieval."""


def distinctive(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """At most 8 words, the most distinctive of `texts` first; inflections count together.

    Log-odds with an informative Dirichlet prior, in standard errors (Monroe, Colaresi and
    Quinn, Political Analysis 16, 2008, equations 15, 16 and 22). A word counts once per text.
    """
    ours, theirs = _stems(texts), _stems(others)
    prior = ours + theirs
    total = sum(prior.values()) or 1
    n, m = sum(ours.values()), sum(theirs.values())
    scores = dict[str, float]()
    for name, count in prior.items():
        a = _PRIOR * count / total
        x, y = ours[name] + a, theirs[name] + a
        odds = math.log(x / (n + _PRIOR - x)) - math.log(y / (m + _PRIOR - y))
        scores[name] = odds / math.sqrt(1 / x + 1 / y)
    found = [name for name, score in scores.items() if score >= _DISTINCT and ours[name] > 1]
    # Alphabetical among equals: the same texts give the same words.
    found.sort(key=lambda name: (-scores[name], name))
    spelt = _spellings(texts)
    return tuple(spelt[name] for name in found[:MOST])


def _stems(texts: Sequence[str]) -> Counter[str]:
    return Counter(name for text in texts for name in {stem(word) for word in _words(text)})


def _spellings(texts: Sequence[str]) -> dict[str, str]:
    """The most frequent word of each stem."""
    counts = Counter(word for text in texts for word in _words(text))
    return {stem(word): word for word, _ in sorted(counts.items(), key=lambda pair: pair[1])}


def _words(text: str) -> list[str]:
    found = content(words(text))
    return [word for word in found if word not in _PLAIN and len(word) > 1 and not word.isdigit()]
