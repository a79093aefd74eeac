"""What is in a dataset version, at a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fullturn.core.entities import Dataset
from fullturn.data.records import Lengths, Summary


def summary(dataset: Dataset) -> Summary:
    """Count rows, labels, groups and text lengths of a loaded version."""
    inputs = _texts(example.input for example in dataset.examples)
    labels = _texts(example.expected for example in dataset.examples)
    return Summary(
        rows=dataset.version.rows,
        splits=dict(dataset.version.splits),
        labels={name: dict(Counter(found).most_common()) for name, found in labels.items()},
        lengths={name: _lengths([len(text) for text in found]) for name, found in inputs.items()},
        groups=len({example.group for example in dataset.examples}),
    )


def _texts(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The texts of each column that has any."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str):
                found[name].append(value)
    return found


def _lengths(found: list[int]) -> Lengths:
    ordered = sorted(found)
    return Lengths(ordered[0], _quantile(ordered, 0.5), _quantile(ordered, 0.95), ordered[-1])


def _quantile(ordered: Sequence[int], share: float) -> int:
    """Linear between the two nearest values, as NumPy does it, whose import would cost more."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
