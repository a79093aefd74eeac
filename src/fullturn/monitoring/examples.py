"""The requests that show a change best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fullturn.entities import Change, Contract, Observation, ScoredRow
from fullturn.monitoring.changes import STRONG, proportions
from fullturn.monitoring.columns import Watched, as_text, watched
from fullturn.monitoring.detectors import Vectors

SHOWN = 5
_LONGEST = 300
_INSIDE = 0.9
"""Share of the reference that is nearer than a newcomer."""


def examples(
    contract: Contract,
    answered: Sequence[Observation],
    reference: Sequence[ScoredRow],
    told: Sequence[Change],
    vectors: Vectors,
) -> tuple[Mapping[str, Any], ...]:
    """At most 5 requests nearest to the change, the nearest first.

    Those that stand out in the columns of the changes in `told`; if there are none, those whose
    text lies farthest along the mean difference of the vectors.
    """
    if not answered:
        return ()
    live, before = texts_of(contract, answered, reference)
    if live and before and not told:
        scores = _along_difference(live, before, vectors)
    else:
        scores = _surprising(contract, answered, reference, told)
    # Stable: of equal ones the earlier.
    order = sorted(range(len(answered)), key=lambda n: -scores[n])[:SHOWN]
    return tuple(_shown(answered[n]) for n in order)


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


def newcomers(live: Sequence[str], before: Sequence[str], vectors: Vectors) -> list[bool]:
    """Which of the live texts lie where hardly any of the reference did; none if that is chance.

    Every other text says where the change points, and the rest are judged by it, both ways
    round: no text votes on itself.
    """
    if len(live) < 4 or not before:
        return [False] * len(live)
    ours, theirs = np.asarray(vectors(live)), np.asarray(vectors(before))
    far = np.zeros(len(live), dtype=bool)
    for half in (0, 1):
        direction = ours[1 - half :: 2].mean(axis=0) - theirs.mean(axis=0)
        far[half::2] = ours[half::2] @ direction > np.quantile(theirs @ direction, _INSIDE)
    expected = round((1 - _INSIDE) * len(before))
    strength = proportions((expected, len(before)), (int(far.sum()), len(live)))
    return far.tolist() if strength >= STRONG else [False] * len(live)


def _along_difference(live: Sequence[str], before: Sequence[str], vectors: Vectors) -> list[float]:
    ours, theirs = np.asarray(vectors(live)), np.asarray(vectors(before))
    found: list[float] = (ours @ (ours.mean(axis=0) - theirs.mean(axis=0))).tolist()
    return found


def _surprising(
    contract: Contract,
    answered: Sequence[Observation],
    reference: Sequence[ScoredRow],
    changes: Sequence[Change],
) -> list[float]:
    """For each request, the strength of the changed columns in which the reference is rarely so."""
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


def _cells(column: Watched) -> Callable[[Any, Any], Any]:
    return lambda given, output: given if column.side == "input" else output


def _rarity(before: Sequence[Any], live: Sequence[Any]) -> list[float]:
    """1 minus the share of the reference that is as far out, or of the same category."""
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
