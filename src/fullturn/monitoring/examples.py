"""The requests that show a change best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fullturn.core.entities import Change, Contract, Observation, ScoredRow
from fullturn.monitoring.changes import STRONG, proportions
from fullturn.monitoring.columns import Watched, as_text, watched
from fullturn.statistics.inputs import Floats

SHOWN = 5
_LONGEST = 300
_INSIDE = 0.9
"""Share of the reference that is nearer than a newcomer."""


def standing_out(
    contract: Contract,
    answered: Sequence[Observation],
    reference: Sequence[ScoredRow],
    told: Sequence[Change],
) -> list[float]:
    """For each request, how much it stands out in the columns of these changes."""
    columns = {column.name: column for column in watched(contract, reference)}
    scores = np.zeros(len(answered))
    for change in told:
        column = columns[change.column]
        cells = _cells(column)
        before = column.values(cells(row.input, row.output) for row in reference)
        live = column.values(
            cells(one.prediction.input, one.prediction.output or {}) for one in answered
        )
        scores += change.strength * np.array(_rarity(before, live))
    return [float(score) for score in scores]


def along_difference(ours: Floats, theirs: Floats) -> list[float]:
    """For each live text, how far its vector lies in the direction of the mean difference."""
    return [float(x) for x in ours @ (ours.mean(axis=0) - theirs.mean(axis=0))]


def newcomers(ours: Floats, theirs: Floats) -> list[bool]:
    """Which live texts lie where hardly any of the reference did; none if that is chance.

    Every other text says where the change points, and the rest are judged by it, both ways
    round: no text votes on itself. Vectors of shapes (n, d) and (m, d).
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
