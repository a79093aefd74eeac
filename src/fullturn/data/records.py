"""The record of a dataset version, as its Delta commit carries it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from fullturn.core.entities import DatasetVersion
from fullturn.core.errors import IntegrityError

METADATA = "fullturn"
"""The key of the commit's custom metadata under which the record stands."""


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
