"""The Delta table under a dataset: the only module of this stage that talks to `deltalake`.

A commit replaces the whole content. It is atomic and compare-and-set: Delta creates the
log file of version N + 1 only if there is none, and no retry is allowed, so whoever read
version N and comes second is refused. Old versions are never deleted: no checkpoint hook
prunes the log, and the table's own settings keep Spark and `vacuum` from doing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from fullturn.core.delta import damaged, empty_commit, has_room, sync
from fullturn.core.entities import Column
from fullturn.core.errors import (
    Conflict,
    CouldNotEvaluate,
    DiskFull,
    FullturnError,
    IntegrityError,
    NotFound,
    UsageError,
)
from fullturn.core.state import unusable
from fullturn.core.wording import first_line
from fullturn.data import records
from fullturn.data.records import Record
from fullturn.data.rows import Row, column_digests, combined, json_cells

_KEEP = "interval 36500 days"
_CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": _KEEP,
    "delta.deletedFileRetentionDuration": _KEEP,
    "delta.enableExpiredLogCleanup": "false",
}
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_FULL = re.compile(r"os error (28|122|112)\b")
"""ENOSPC, EDQUOT, and ERROR_DISK_FULL of Windows."""
_LOG_BYTES = 65_536
"""Room for the log entry."""


def address(table: Path | str) -> str:
    """Where a table is: an absolute path, or the URI of an object store as given.

    Raises:
        UsageError: deltalake cannot work in a folder of that name.
    """
    if "://" in str(table):
        return str(table)
    path = Path(table).resolve()
    if reason := unusable(path):
        raise UsageError(reason)
    return str(path)


@dataclass(frozen=True)
class Head:
    """A table at the version that was newest when it was opened; `delta` is None before that."""

    uri: str
    delta: DeltaTable | None
    records: tuple[Record, ...]
    """Of every version that fullturn committed, oldest first."""


def head(table: Path | str) -> Head:
    """The table as it is now.

    Raises:
        IntegrityError: there is one, and its log or a record in it cannot be read.
    """
    uri = address(table)
    _require_commit(uri)
    try:
        delta = DeltaTable(uri)
        return Head(uri, delta, _records(delta, uri))
    except TableNotFoundError:
        return Head(uri, None, ())
    except (DeltaError, OSError, ValueError) as error:
        raise IntegrityError(
            f"the log of {uri} cannot be read ({first_line(error)}); restore it from a copy"
        ) from None


def record(at: Head, version: int | None = None) -> Record:
    """The record of one version, of the newest one if none is named.

    Raises:
        NotFound: no dataset, or no such version.
    """
    if not at.records:
        raise NotFound(f"no dataset at {at.uri}; make one with `fullturn data commit`")
    known = {one.version.version: one for one in at.records}
    found = known.get(max(known) if version is None else version)
    if found is None:
        name = at.records[-1].version.name
        numbers = ", ".join(map(str, list(known)[-10:]))
        raise NotFound(f"'{name}' has no version {version}; it has {numbers} (`fullturn data log`)")
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a version, column by column, which is several times as quick as row by row."""

    columns: Mapping[str, Sequence[Any]]
    """The cells as they are stored."""
    json: Mapping[str, Sequence[str | None]]
    """The same, each as canonical JSON."""
    digests: Sequence[str]
    """Of each row."""

    @property
    def order(self) -> list[int]:
        """The numbers of rows in the order of their digests, which is the same on every machine
        and has nothing to do with content, so that a run of rows from the front is a fair sample.
        """
        return sorted(range(len(self.digests)), key=self.digests.__getitem__)

    def cells(self, name: str) -> Sequence[Any]:
        """A column; of one that the version does not have, nothing but nulls."""
        return self.columns.get(name) or [None] * len(self.digests)

    def row(self, number: int) -> Row:
        """One row."""
        return {name: cells[number] for name, cells in self.columns.items()}

    def rows(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """These columns of each row, by default all."""
        chosen = list(self.columns) if names is None else names
        if not chosen:
            return [{} for _ in self.digests]
        cells = zip(*map(self.cells, chosen), strict=True)
        return [dict(zip(chosen, some, strict=True)) for some in cells]

    def take(self, numbers: Sequence[int]) -> Self:
        """Some of the rows."""
        if len(numbers) == len(self.digests):
            return self
        columns, json = (
            {name: [cells[number] for number in numbers] for name, cells in table.items()}
            for table in (self.columns, self.json)
        )
        return type(self)(columns, json, [self.digests[number] for number in numbers])


def rows(at: Head, of: Record) -> list[Row]:
    """The stored rows of one version, in the order of their digests. Raises as `content` does."""
    found = content(at, of)
    stored = found.rows()
    return [stored[place] for place in found.order]


def content(at: Head, of: Record) -> Content:
    """The rows of one version as they are stored, once their digest has been computed again.

    Raises:
        IntegrityError: files are missing or damaged, or the digest is not the recorded one.
    """
    version = of.version
    label = f"version {version.version} of '{version.name}' at {at.uri}"
    try:
        delta = DeltaTable(at.uri, version=version.version - 1)
        _require_files(at.uri, label, delta)
        columns = _scan(delta, of.columns)
    except IntegrityError:
        raise
    except Exception as error:  # noqa: BLE001  of a damaged file deltalake raises just that
        raise IntegrityError(
            f"{label} cannot be read ({first_line(error)}); restore its files from a copy"
        ) from None
    json = {name: json_cells(cells) for name, cells in columns.items()}
    digests = column_digests(json, len(next(iter(columns.values()), ())))
    actual = combined(digests, of.columns)
    if actual != version.digest:
        raise IntegrityError(
            f"{label} has the digest {actual}, but {version.digest} was recorded: its rows were "
            "changed; restore its files from a copy, or commit the rows you trust as a new table"
        )
    return Content(columns, json, digests)


def _scan(delta: DeltaTable, columns: Sequence[str]) -> dict[str, list[Any]]:
    """By deltalake's own engine: importing pyarrow's, and pandas with it, takes half a second."""
    found = delta.scan(list(columns)).read_all()
    return {name: list(found.column(name).to_pylist()) for name in columns}


def write(at: Head, content: Sequence[Row], columns: Sequence[Column], new: Record) -> None:
    """Commit the whole content as the version after `at`, or nothing.

    Raises:
        Conflict: somebody committed since `at` was opened.
        DiskFull: it does not fit.
        CouldNotEvaluate: the write failed for another reason.
    """
    import pyarrow as pa

    schema = pa.schema(
        [(c.name, pa.float64() if c.kind == "number" else pa.string()) for c in columns]
    )
    cells = [pa.array([row[one.name] for row in content], one.type) for one in schema]
    data = pa.Table.from_arrays(cells, schema=schema)
    _check_room(at.uri, data.nbytes + _LOG_BYTES)
    first = at.delta is None
    try:
        write_deltalake(
            at.uri if at.delta is None else at.delta,
            data,
            mode="error" if first else "overwrite",
            schema_mode=None if first else "overwrite",
            name=new.version.name if first else None,
            configuration=_CONFIGURATION if first else None,
            commit_properties=CommitProperties(
                custom_metadata={records.METADATA: records.to_json(new)}, max_commit_retries=0
            ),
            post_commithook_properties=_NO_HOOKS,
        )
        _wait_for_disk(at.uri, new.version.version - 1)
    except (DeltaError, OSError) as error:
        raise _explained(error, at, new) from None


def _require_commit(uri: str) -> None:
    """Refuse a table whose last commit is an empty file: its rows would be gone without a word."""
    empty = None if "://" in uri else empty_commit(Path(uri))
    if empty is not None:
        raise IntegrityError(
            f"{empty} is empty, as after a power loss: the newest dataset version is missing; "
            "restore the file from a copy, or remove it and commit the rows again"
        )


def _require_files(uri: str, label: str, delta: DeltaTable) -> None:
    wrong = None if "://" in uri else damaged(Path(uri), delta.get_add_actions(flatten=True))
    if wrong is not None:
        raise IntegrityError(f"{label} cannot be read ({wrong}); restore its files from a copy")


def _wait_for_disk(uri: str, version: int) -> None:
    if "://" not in uri:
        sync(Path(uri), [version])


def _records(delta: DeltaTable, uri: str) -> tuple[Record, ...]:
    """Version numbers come from the records: `DeltaTable.history` counts down from the opened
    version, which is wrong for all entries once somebody has committed since (deltalake 1.6).
    """
    texts = [commit[records.METADATA] for commit in delta.history() if records.METADATA in commit]
    found = [records.from_json(text, uri) for text in texts]
    known = [one for one in found if one.version.version <= delta.version() + 1]
    return tuple(sorted(known, key=lambda one: one.version.version))


def _explained(error: Exception, at: Head, new: Record) -> FullturnError:
    """A failed write as one of our errors. A newer version is what tells a lost race."""
    if _FULL.search(str(error)):
        return _disk_full(at.uri)
    now = head(at.uri)
    before = -1 if at.delta is None else at.delta.version()
    if now.delta is not None and now.delta.version() > before:
        winner = now.records[-1].version if now.records else None
        by = f" (version {winner.version}, by {winner.actor})" if winner else ""
        return Conflict(
            f"somebody else committed to '{new.version.name}'{by} while this commit was made; "
            "nothing was written: look at `fullturn data log` and commit again"
        )
    return CouldNotEvaluate(f"{at.uri} could not be written: {first_line(error)}")


def _check_room(uri: str, size: int) -> None:
    if "://" not in uri and not has_room(Path(uri), size):
        raise _disk_full(uri)


def _disk_full(uri: str) -> DiskFull:
    return DiskFull(
        f"no space left for {uri}; nothing was committed and earlier versions are whole: "
        "free some space and commit again"
    )
