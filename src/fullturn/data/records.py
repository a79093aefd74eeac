"""The record of a dataset version, as its Delta commit carries it; what is said of versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fullturn.core.entities import DatasetVersion
from fullturn.core.errors import IntegrityError
from fullturn.core.showing import Result

METADATA = "fullturn"
"""The key of the commit's custom metadata of the record."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How rows were split; the next version keeps the splits of a version made the same way."""

    train_share: float
    validation_share: float
    near_duplicate: float
    near_duplicates: str


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
    """The way from version `before` to version `after` of one dataset."""

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
            version=DatasetVersion(**fields.pop("version"), uri=uri),
            columns=tuple(fields.pop("columns")),
            splitting=Splitting(**fields.pop("splitting")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"a record of {uri} is damaged ({error}); restore the table's _delta_log from a copy"
        ) from None
