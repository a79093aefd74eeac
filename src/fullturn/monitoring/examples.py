"""The requests that show a change best, and the words that name it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fullturn.core.entities import Change, Contract, Observation, ScoredRow
from fullturn.monitoring.changes import STRONG, proportions
from fullturn.monitoring.columns import Watched, as_text, watched
from fullturn.statistics.inputs import Floats
from fullturn.subjects.assistant.text import content, stem, words

MOST = 8
_PRIOR = 50.0
"""Weight of the words of both sets together, in words."""
_DISTINCT = 2.5
"""Standard errors from which on a word is distinctive."""


_PLAIN = frozenset(
    "one two three use used uses using take takes took taken go goes going went come comes came "
    "way ways thing things make makes made need needs want wants like let old new good better "
    "same another still even say says said know see look put keep give tell ask happen happens "
    "happened through off up down out over under again back first last own".split()
)
"""Words that name no topic, besides the stopwords of retrieval."""


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
    # Alphabetical among equals, so that the same texts give the same words.
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


SHOWN = 5
_LONGEST = 300
_INSIDE = 0.9
"""Share of the reference that a new text must exceed."""


def rarity_scores(
    contract: Contract,
    answered: Sequence[Observation],
    reference: Sequence[ScoredRow],
    changes: Sequence[Change],
) -> list[float]:
    """For each request, how unusual it is in the columns of these changes."""
    columns = {column.name: column for column in watched(contract, reference)}
    scores = np.zeros(len(answered))
    for change in changes:
        column = columns[change.column]
        cells = _cells(column)
        before = column.values(cells(row.input, row.output) for row in reference)
        live = column.values(
            cells(one.prediction.input, one.prediction.output or {}) for one in answered
        )
        scores += change.strength * np.array(_rarity(before, live))
    return [float(score) for score in scores]


def shift_scores(ours: Floats, theirs: Floats) -> list[float]:
    """For each live text, how far its vector is in the direction of the mean difference."""
    return [float(x) for x in ours @ (ours.mean(axis=0) - theirs.mean(axis=0))]


def new_texts(ours: Floats, theirs: Floats) -> list[bool]:
    """Which live texts are where hardly any of the reference is; none if that may be chance.

    Cross-fitted: every other text gives the direction of the change, by which the rest are judged,
    and the reverse; no text is judged against itself. Vectors of shapes (n, d) and (m, d).
    """
    if len(ours) < 4 or not len(theirs):
        return [False] * len(ours)
    far = np.zeros(len(ours), dtype=bool)
    for half in (0, 1):
        direction = ours[1 - half :: 2].mean(axis=0) - theirs.mean(axis=0)
        far[half::2] = ours[half::2] @ direction > np.quantile(theirs @ direction, _INSIDE)
    expected = round((1 - _INSIDE) * len(theirs))
    strength = proportions((expected, len(theirs)), (int(far.sum()), len(ours)))
    return [bool(one) for one in far] if strength >= STRONG else [False] * len(ours)


def examples(
    answered: Sequence[Observation], scores: Sequence[float]
) -> tuple[Mapping[str, Any], ...]:
    """At most 5 different requests with the highest scores; of equal ones the earlier."""
    order = sorted(range(len(answered)), key=lambda n: -scores[n])
    different: dict[str, int] = {}
    for n in order:
        different.setdefault(repr(answered[n].prediction.input), n)
    return tuple(_shown(answered[n]) for n in list(different.values())[:SHOWN])


def texts_of(
    contract: Contract, answered: Sequence[Observation], reference: Sequence[ScoredRow]
) -> tuple[list[str], list[str]]:
    """The text columns of each request, joined; of live requests and of the reference."""
    names = [c.name for c in contract.columns if c.role == "input" and c.kind == "text"]
    if not names:
        return [], []

    def joined(rows: Iterable[Mapping[str, Any]]) -> list[str]:
        return [" ".join(as_text(row.get(name)) for name in names) for row in rows]

    return joined(one.prediction.input for one in answered), joined(r.input for r in reference)


def _cells(column: Watched) -> Callable[[Any, Any], Any]:
    return lambda given, output: given if column.side == "input" else output


def _rarity(before: Sequence[Any], live: Sequence[Any]) -> list[float]:
    """1 minus the share of the reference that is as far from the median, or in the category."""
    if isinstance(next(iter(live)), float):
        middle = float(np.median(before))
        if not math.isfinite(middle):
            return [float(math.isfinite(value)) for value in live]
        distances = np.sort(np.abs(np.asarray(before) - middle))
        places = distances.searchsorted(np.abs(np.asarray(live) - middle))
        return [float(place) for place in places / len(before)]
    counts: dict[Any, int] = {}
    for value in before:
        counts[value] = counts.get(value, 0) + 1
    return [1 - counts.get(value, 0) / len(before) for value in live]


def _shown(one: Observation) -> Mapping[str, Any]:
    prediction = one.prediction
    return {
        "id": prediction.id,
        "input": _short(prediction.input),
        "output": _short(prediction.output or {}),
    }


def _short(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Plain cells only, long texts cut."""
    plain = {k: v for k, v in cells.items() if v is None or isinstance(v, str | int | float | bool)}
    return {
        name: f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value
        for name, value in plain.items()
    }
