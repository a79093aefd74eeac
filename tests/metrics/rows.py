"""Scored rows out of columns, as an evaluation would hold them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fullturn.core.entities import ScoredRow


def row(
    number: int,
    expected: Mapping[str, Any],
    output: Mapping[str, Any],
    group: object = None,
    scores: Mapping[str, float] | None = None,
) -> ScoredRow:
    return ScoredRow(
        id=f"row-{number}",
        group=str(number if group is None else group),
        slices={},
        input={},
        output=output,
        scores=scores or {},
        latency=0.01,
        expected=expected,
    )


def labelled(
    expected: Sequence[Any],
    predicted: Sequence[Any],
    probabilities: Sequence[Mapping[str, float]] | None = None,
    groups: Sequence[object] | None = None,
) -> list[ScoredRow]:
    outputs: list[dict[str, Any]] = [{"label": one} for one in predicted]
    for output, shares in zip(outputs, probabilities or (), strict=False):
        output["probabilities"] = shares
    return [
        row(n, {"kind": truth}, output, groups[n] if groups else None)
        for n, (truth, output) in enumerate(zip(expected, outputs, strict=True))
    ]


def valued(
    expected: Sequence[float], predicted: Sequence[float], groups: Sequence[object] | None = None
) -> list[ScoredRow]:
    return [
        row(n, {"price": truth}, {"value": value}, groups[n] if groups else None)
        for n, (truth, value) in enumerate(zip(expected, predicted, strict=True))
    ]


def scored(scores: Sequence[float], groups: Sequence[object]) -> list[ScoredRow]:
    pairs = zip(scores, groups, strict=True)
    return [row(n, {}, {}, group, {"right": one}) for n, (one, group) in enumerate(pairs)]


def ranked(
    queries: Sequence[tuple[Sequence[float], Sequence[float]]],
) -> list[ScoredRow]:
    """Items of queries: gains and predicted values."""
    items = [
        (f"query-{number}", gain, value)
        for number, (gains, values) in enumerate(queries)
        for gain, value in zip(gains, values, strict=True)
    ]
    return [
        row(n, {"gain": gain}, {"value": value}, query)
        for n, (query, gain, value) in enumerate(items)
    ]
