"""Dataset versions: commit the whole content, read it back, and see what was committed.

Versions count 1, 2, 3 …; version n is version n - 1 of the Delta table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullturn.core.entities import Contract, Dataset, DatasetVersion, Example
from fullturn.core.errors import DataError, IntegrityError
from fullturn.core.settings import DataSettings
from fullturn.core.values import parsed
from fullturn.data import tables
from fullturn.data.contract import CheckedRows, check
from fullturn.data.difference import compare
from fullturn.data.records import Record, Splitting
from fullturn.data.rows import Row, dataset_digest, group_column, id_of, split_column, stored
from fullturn.data.splits import Assigned, assign, pins_of


def commit(
    table: Path | str,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    settings: DataSettings,
    *,
    message: str,
    actor: str,
) -> DatasetVersion:
    """Commit rows as the whole content of the next version of dataset `name`.

    Rows that the parent version had keep their split, unless the shares in `settings` or
    the contract's `near_duplicates` have changed since. If the parent has the same content
    already, it is returned and nothing is written.

    Raises:
        DataError: the rows break the contract, or the table is not one of fullturn's.
        Conflict: somebody else committed at the same time; nothing was written.
        DiskFull: it does not fit; earlier versions are whole.
        IntegrityError: the parent version is damaged.
    """
    full = stored(contract)
    checked = check(rows, contract)
    head = tables.head(table)
    parent = _parent(head)
    before = tables.rows(head, parent) if parent else []
    splitting = _splitting(settings, contract)
    pins = pins_of(before, full) if parent and parent.splitting == splitting else {}
    assigned = assign(checked.rows, full, settings, pins)
    columns = tuple(column.name for column in full.columns)
    digest = dataset_digest(assigned.rows, columns)
    if parent and parent.version.digest == digest:
        return parent.version
    version = DatasetVersion(
        name=name,
        version=1 if head.delta is None else head.delta.version() + 2,
        digest=digest,
        uri=head.uri,
        parent=parent.version.version if parent else None,
        message=message,
        actor=actor,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        findings=_findings(checked, assigned),
        **_counts(before, assigned.rows, full),
    )
    tables.write(head, assigned.rows, full.columns, Record(version, columns, splitting))
    return version


def log(table: Path | str) -> list[DatasetVersion]:
    """All versions, the newest last.

    Raises:
        NotFound: there is no dataset.
    """
    head = tables.head(table)
    tables.record(head)
    return [record.version for record in head.records]


def show(table: Path | str, version: int | None = None) -> DatasetVersion:
    """One version, the newest if none is named.

    Raises:
        NotFound: there is no dataset, or no such version.
    """
    return tables.record(tables.head(table), version).version


def load(
    table: Path | str,
    contract: Contract,
    version: int | None = None,
    expected_digest: str | None = None,
) -> Dataset:
    """A version with its rows, after its digest has been computed again.

    Examples are in the order of their digests: the same on every machine, and unrelated
    to content, so that the first rows are a fair sample.

    Raises:
        NotFound: there is no dataset, or no such version.
        IntegrityError: rows differ from the recorded digest, or that from `expected_digest`.
        DataError: the version lacks a column that the contract requires.
    """
    head = tables.head(table)
    record = tables.record(head, version)
    found = record.version
    if expected_digest not in (None, found.digest):
        raise IntegrityError(
            f"version {found.version} of '{found.name}' at {head.uri} has the digest "
            f"{found.digest}, but {expected_digest} was expected: this is another table or its "
            "history was rewritten; load the version that has the expected digest"
        )
    split, full = split_column(contract), stored(contract)
    _check_columns(record, full)
    rows = tables.rows(head, record)
    return Dataset(
        found,
        examples=tuple(_example(row, full) for row in rows if row[split] != "reference"),
        reference=tuple(
            sorted(
                (_plain(row, contract) for row in rows if row[split] == "reference"),
                key=lambda row: id_of(row, contract),
            )
        ),
    )


def _parent(head: tables.Head) -> Record | None:
    if head.records:
        return head.records[-1]
    if head.delta is not None:
        raise DataError(f"{head.uri} is a Delta table that fullturn did not make; name another")
    return None


def _splitting(settings: DataSettings, contract: Contract) -> Splitting:
    return Splitting(
        settings.train_share,
        settings.validation_share,
        settings.near_duplicate,
        contract.near_duplicates,
    )


def _findings(checked: CheckedRows, assigned: Assigned) -> dict[str, int]:
    return {
        "duplicates": checked.duplicates,
        "repeated": checked.repeated,
        "near_duplicates": len(assigned.near_duplicates),
    }


def _counts(before: Sequence[Row], after: Sequence[Row], contract: Contract) -> dict[str, Any]:
    changes = compare(before, after, contract)
    return {
        "rows": len(after),
        "splits": dict(Counter(row[split_column(contract)] for row in after)),
        "added": len(changes.added),
        "removed": len(changes.removed),
        "changed": len(changes.changed),
    }


def _check_columns(record: Record, contract: Contract) -> None:
    needed = [c.name for c in contract.columns if c.required or c.role in ("split", "group")]
    lacking = [name for name in needed if name not in record.columns]
    if lacking:
        raise DataError(
            f"version {record.version.version} of '{record.version.name}' has no column "
            f"'{lacking[0]}', which the app's contract requires; commit its rows again"
        )


def _example(row: Row, contract: Contract) -> Example:
    by_role = {
        role: {c.name: parsed(row.get(c.name), c) for c in contract.columns if c.role == role}
        for role in ("input", "label", "slice")
    }
    return Example(
        id=id_of(row, contract),
        input=by_role["input"],
        expected=by_role["label"],
        group=row[group_column(contract)],
        split=row[split_column(contract)],
        slices={
            name: str(value)
            for name, value in (by_role["slice"] | _classes(row, contract)).items()
            if value is not None
        },
    )


def _classes(row: Row, contract: Contract) -> dict[str, Any]:
    """Labels that name a class: each class is a slice too."""
    labels = (c.name for c in contract.columns if c.role == "label" and c.kind == "category")
    return {name: row.get(name) for name in labels}


def _plain(row: Row, contract: Contract) -> dict[str, Any]:
    """A reference row: the contract's columns that are filled."""
    return {c.name: parsed(row[c.name], c) for c in contract.columns if row.get(c.name) is not None}
