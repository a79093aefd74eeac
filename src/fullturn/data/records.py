"""The record of a dataset version, as its Delta commit stores it; summaries and differences."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fullturn.core.entities import Dataset, DatasetVersion
from fullturn.core.errors import IntegrityError
from fullturn.core.showing import Result

METADATA = "fullturn"
"""The key of the commit's custom metadata of the record."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How rows were split; the next version inherits the splits if it is made the same way."""

    train_share: float
    validation_share: float
    near_duplicate: float
    near_duplicates: str
    time: str | None = None
    """The column that orders the rows, if they were split by time."""


@dataclass(frozen=True, slots=True)
class Record:
    """A dataset version, the columns that its digest covers, and how its rows were split."""

    version: DatasetVersion
    columns: tuple[str, ...]
    splitting: Splitting


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of texts, in characters."""

    shortest: int
    median: int
    p95: int
    longest: int


@dataclass(frozen=True, slots=True)
class Summary(Result):
    """Counts of a dataset version; `reference` rows count in `rows` and `splits` only."""

    rows: int
    splits: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    """Rows of each label, the most frequent first, by label column of text."""
    lengths: Mapping[str, Lengths]
    """By input column of text."""
    groups: int


@dataclass(frozen=True, slots=True)
class Difference(Result):
    """What changed from version `before` to version `after` of one dataset."""

    before: int
    after: int
    added: int
    removed: int
    changed: int
    examples: Mapping[str, tuple[tuple[str, str], ...]]
    """The first few rows `added`, `removed` and `changed`: id, and its text or what changed."""
    labels: Mapping[str, Mapping[str, tuple[float, float]]]
    """Share of each label before and after, by label column; without `reference` rows."""
    splits: Mapping[str, tuple[int, int]]
    """Rows of each split before and after."""


def to_json(record: Record) -> str:
    """The record as one line of JSON; the table's address is left out, for it may move."""
    fields = asdict(record)
    del fields["version"]["uri"]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def from_json(text: str, uri: str) -> Record:
    """The record that `to_json` wrote, with the address at which its table is now.

    Raises:
        IntegrityError: the text is something else.
    """
    try:
        fields = json.loads(text)
        return Record(
            version=DatasetVersion(**_tuples(fields.pop("version")), uri=uri),
            columns=tuple(fields.pop("columns")),
            splitting=Splitting(**fields.pop("splitting")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"a record of {uri} is damaged ({error}); restore the table's _delta_log from a copy"
        ) from None


def _tuples(version: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that they were."""
    found = {name: tuple(one) if isinstance(one, list) else one for name, one in version.items()}
    periods = version.get("periods")
    if isinstance(periods, dict):
        found["periods"] = {split: tuple(ends) for split, ends in periods.items()}
    return found


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
