"""Dataset versions: commit the whole content, read it back, and see what was committed.

Versions count 1, 2, 3 …; version n is version n - 1 of the Delta table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path
from typing import Any

from fullturn.core.collector import collector_paused
from fullturn.core.entities import Contract, Dataset, DatasetVersion, Example, Role
from fullturn.core.errors import DataError, IntegrityError, Refused
from fullturn.core.settings import DataSettings
from fullturn.core.values import parsed
from fullturn.data import tables
from fullturn.data.chronology import period_names, periods_of
from fullturn.data.contract import CheckedRows, check
from fullturn.data.difference import compare
from fullturn.data.notes import notes
from fullturn.data.records import Record, Splitting
from fullturn.data.rows import (
    Row,
    dataset_digest,
    group_column,
    id_of,
    joined_ids,
    joined_keys,
    label_columns,
    split_column,
    stored,
    time_column,
)
from fullturn.data.splits import Assigned, Pins, assign, pins_of
from fullturn.data.tables import Content

FALL = 0.2
"""The share of rows by which a version may fall without being confirmed."""
MOST_RECORDED = 100
"""How many dropped rows a version names; the others are counted."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """Who commits and why, and what they know."""

    message: str
    actor: str
    fewer_rows: bool = False
    """Whether a fall of the number of rows is confirmed."""
    slice_rows: int = 20
    """How many test rows of a class the gate needs."""


def commit(
    table: Path | str,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    settings: DataSettings,
    request: CommitRequest,
) -> DatasetVersion:
    """Commit rows as the whole content of the next version of dataset `name`.

    Rows that the parent version had keep their split, unless the shares in `settings` or
    the contract's `near_duplicates` have changed since. If the parent has the same content
    already, it is returned and nothing is written. With a time column, the latest rows are the
    test rows of each version.

    Raises:
        DataError: the rows break the contract, or the table is not one of fullturn's.
        Refused: there are far fewer rows than before, and nobody confirmed it.
        Conflict: somebody else committed at the same time; nothing was written.
        DiskFull: it does not fit; earlier versions are whole.
        IntegrityError: the parent version is damaged.
    """
    checked = _checked(rows, contract, settings)
    full = checked.contract
    head = tables.head(table)
    parent = _parent(head)
    before = tables.rows(head, parent) if parent else []
    splitting = _splitting(settings, contract)
    pins = pins_of(before, full) if parent and parent.splitting == splitting else {}
    prepared = _prepared(checked, contract, settings, pins, request.slice_rows)
    content = prepared.assigned.rows
    columns = tuple(column.name for column in full.columns)
    digest = dataset_digest(content, columns)
    if parent and parent.version.digest == digest:
        return parent.version
    if parent and not request.fewer_rows:
        _refuse_fall(parent.version, len(content))
    version = DatasetVersion(
        name=name,
        version=1 if head.delta is None else head.delta.version() + 2,
        digest=digest,
        uri=head.uri,
        parent=parent.version.version if parent else None,
        message=request.message,
        actor=request.actor,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        findings=prepared.findings,
        notes=prepared.notes,
        dropped=tuple(map(str, checked.dropped[:MOST_RECORDED])),
        periods=prepared.periods,
        **_counts(before, content, checked.keys, full),
    )
    tables.write(head, content, full.columns, Record(version, columns, splitting))
    return version


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as a commit would store them, and what it would find."""

    assigned: Assigned
    findings: Mapping[str, int]
    notes: tuple[str, ...]
    periods: Mapping[str, tuple[str, str]]


def prepare(
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    settings: DataSettings,
    slice_rows: int = 20,
) -> Prepared:
    """What a first commit of these rows would store and find; nothing is written.

    Raises:
        DataError: the rows break the contract.
    """
    return _prepared(_checked(rows, contract, settings), contract, settings, {}, slice_rows)


def _checked(
    rows: Sequence[Mapping[str, Any]], contract: Contract, settings: DataSettings
) -> CheckedRows:
    return check(rows, contract, ignore=settings.ignore, on_bad_row=settings.on_bad_row)


def _prepared(
    checked: CheckedRows,
    contract: Contract,
    settings: DataSettings,
    pins: Pins,
    slice_rows: int,
) -> Prepared:
    full = checked.contract
    assigned = assign(checked.rows, full, settings, pins, checked.keys)
    time = time_column(full)
    periods = periods_of(assigned.rows, time, split_column(full)) if time else {}
    findings = {
        "duplicates": checked.duplicates,
        "repeated": checked.repeated,
        "near_duplicates": len(assigned.near_duplicates),
    }
    if checked.dropped:
        findings["dropped"] = len(checked.dropped)
    said = notes(checked, assigned, contract, periods, slice_rows)
    return Prepared(assigned, findings, said, periods)


def _refuse_fall(before: DatasetVersion, rows: int) -> None:
    if rows <= (1 - FALL) * before.rows:
        raise Refused(
            f"version {before.version} of '{before.name}' has {before.rows:,} rows, these files "
            f"have {rows:,}, {1 - rows / before.rows:.0%} fewer: a copy may be cut short. Nothing "
            "was committed; if it is meant, `fullturn data commit --confirm-fewer-rows`"
        )


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


@collector_paused()
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
    content = tables.content(head, record)
    places: dict[bool, list[int]] = {True: [], False: []}
    for number, name in enumerate(content.columns[split]):
        places[name == "reference"].append(number)
    asked = content.take(places[False])
    # Examples are made in the order in which cells are in memory, which is several times as fast.
    examples = _examples(asked, full)
    reference = (_plain(row, contract) for row in content.take(places[True]).rows())
    return Dataset(
        found,
        examples=tuple(map(examples.__getitem__, asked.order)),
        reference=tuple(sorted(reference, key=lambda row: id_of(row, contract))),
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
        time_column(contract),
    )


def _counts(
    before: Sequence[Row], after: Sequence[Row], keys: Sequence[str], contract: Contract
) -> dict[str, Any]:
    changes, split = compare(before, after, contract, keys), split_column(contract)
    return {
        "rows": len(after),
        "splits": dict(Counter(row[split] for row in after)),
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


def _examples(content: Content, contract: Contract) -> list[Example]:
    """Rows as an app sees them."""
    columns = [content.json.get(name) or content.cells(name) for name in contract.key]
    keys = joined_keys(columns, content.row, contract)
    return list(
        map(
            Example,
            joined_ids([content.cells(name) for name in contract.names("id")], keys),
            _parsed(content, contract, "input"),
            _parsed(content, contract, "label"),
            content.cells(group_column(contract)),
            content.cells(split_column(contract)),
            _slices(content, contract),
        )
    )


def _parsed(content: Content, contract: Contract, role: Role) -> list[dict[str, Any]]:
    """The columns of a role, JSON as what it says."""
    columns = [one for one in contract.columns if one.role == role]
    found = content.rows([one.name for one in columns])
    for one in columns:
        for row in found if one.kind == "json" else ():
            row[one.name] = parsed(row[one.name], one)
    return found


def _slices(content: Content, contract: Contract) -> list[dict[str, str]]:
    """The slices of each row, by name; rows in the same ones share a record."""
    time = time_column(contract)
    names = [one.name for one in contract.columns if one.role == "slice"] + list(
        label_columns(contract)
    )
    columns = [content.cells(name) for name in names]
    if time is not None and None not in (times := content.cells(time)):
        splits = content.cells(split_column(contract))
        test = list(compress(times, (name == "test" for name in splits)))
        names, columns = [*names, time], [*columns, period_names(times, test)]
    if not columns:
        return [{}] * len(content.digests)
    cells = list(zip(*columns, strict=True))
    known = {
        some: {
            name: str(value) for name, value in zip(names, some, strict=True) if value is not None
        }
        for some in set(cells)
    }
    return [known[some] for some in cells]


def _plain(row: Row, contract: Contract) -> dict[str, Any]:
    """A reference row: the contract's columns that are filled."""
    return {c.name: parsed(row[c.name], c) for c in contract.columns if row.get(c.name) is not None}
