"""The Delta tables under the prediction log: the only module of this stage that imports deltalake.

`TableSink` appends; each commit names the last `sequence` that it then contains, so that what
is delivered twice is stored once. `matching` does not open files that cannot contain a wanted row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import orjson
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from fullturn.core import delta
from fullturn.core.errors import CouldNotEvaluate, DiskFull, IntegrityError
from fullturn.core.wording import first_line

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)
_APP = "fullturn"
_COMPACT_EVERY = 64
"""Commits, after which small files are joined."""
_FILE_BYTES = 32 * 2**20
_RETENTION_HOURS = 1
"""How long a reader may read files that were compacted meanwhile."""
_LOG_BYTES = 2**16
"""Room for the log entry."""
_TEXT, _WHOLE, _REAL, _TIME = "string", "int64", "double", "timestamp"
SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "predictions": {
        "id": _TEXT,
        "sequence": _WHOLE,
        "time": _TIME,
        "arm": _TEXT,
        "version": _WHOLE,
        "key": _TEXT,
        "input": _TEXT,
        "output": _TEXT,
        "latency": _REAL,
        "error": _TEXT,
        "copy_of": _TEXT,
    },
    "feedback": {
        "prediction": _TEXT,
        "sequence": _WHOLE,
        "time": _TIME,
        "expected": _TEXT,
        "score": _REAL,
        "source": _TEXT,
    },
}
"""Types of Arrow, by table and column; a record of the journal is the first letter of the table's
name and these fields, in order."""
_JSON = {"input", "output", "expected"}


class TableSink:
    """The receiving end: appends entries to the two tables, each entry once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[str, DeltaTable] = {}

    def __call__(self, payloads: Sequence[bytes]) -> None:
        """Deliver these records.

        Raises:
            DiskFull, CouldNotEvaluate: a table could not be written.
        """
        records = [orjson.loads(payload) for payload in payloads]
        for kind, name in ((name[0], name) for name in SCHEMAS):
            rows = [record[1:] for record in records if record[0] == kind]
            if rows:
                self._append(name, rows)

    def _append(self, name: str, rows: list[list[Any]]) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            table = self._tables.get(name) or opened(self._folder / name)
            last = delivered(table)
            rows = [row for row in rows if row[1] > last]
            if rows:
                self._tables[name] = self._commit(name, table, _columns(rows, name))
        except (DeltaError, OSError) as error:
            self._tables.pop(name, None)
            raise _unwritten(self._folder / name, error) from error

    def _commit(self, name: str, table: DeltaTable | None, content: pa.Table) -> DeltaTable:
        path = self._folder / name
        if not delta.has_room(path, content.nbytes + _LOG_BYTES):
            raise DiskFull(f"no space left for {path}; predictions stay in the journal: free some")
        last = Transaction(_APP, content["sequence"][-1].as_py())
        before = table.version() if table else -1
        write_deltalake(
            table or str(path),
            content,
            mode="append",
            commit_properties=CommitProperties(app_transactions=[last]),
        )
        table = table or DeltaTable(str(path))
        if table.version() % _COMPACT_EVERY == _COMPACT_EVERY - 1:
            table.optimize.compact(target_size=_FILE_BYTES)
            delta.sync(path, range(before + 1, table.version() + 1))
            table.vacuum(_RETENTION_HOURS, dry_run=False, enforce_retention_duration=False)
        else:
            delta.sync(path, range(before + 1, table.version() + 1))
        return table

    def require_delivered(self, payloads: Iterable[bytes]) -> None:
        """Compare the tables on the disk with what was delivered to them.

        Raises:
            IntegrityError: a table lacks the last of these records.
        """
        last = _last(payloads)
        for name in SCHEMAS:
            found = delivered(opened(self._folder / name))
            if found < last.get(name[0], 0):
                self._tables.pop(name, None)
                raise IntegrityError(
                    f"the prediction log {self._folder / name} ends at {found}, and "
                    f"{last[name[0]]} was delivered to it; its journal is delivered again"
                )


def drop_empty_commits(folder: Path, payloads: Iterable[bytes]) -> None:
    """Set the last commit of a table aside if a power loss left an empty file of it.

    Only if these records, which are delivered again, have rows that the table then lacks.
    """
    last = _last(payloads)
    for name in SCHEMAS:
        empty = delta.empty_commit(folder / name)
        if empty is not None and last.get(name[0], 0) > _delivered_before(folder / name):
            aside = folder / f"{name}-{empty.name}.empty-{time.time_ns()}"
            empty.replace(aside)
            _log.warning("%s was empty, as after a power loss; it is now %s", empty, aside)


def _delivered_before(path: Path) -> int:
    """The last sequence in a table whose last commit is empty."""
    try:
        return delivered(DeltaTable(str(path)))
    except DeltaError:  # it was the only one
        return 0


def _last(payloads: Iterable[bytes]) -> dict[str, int]:
    """The last sequence of these records, by kind."""
    return {record[0]: record[2] for record in map(orjson.loads, payloads)}


Where = int | tuple[str, str | Collection[str]]
"""A `sequence`, or a column with a value or several."""


def matching(table: DeltaTable, where: Where) -> Iterator[dict[str, Any]]:
    """Rows with a higher `sequence` than `where`, or with one of these values in this column.

    Read by deltalake's own engine: importing pyarrow's takes half a second.

    Raises:
        IntegrityError: a file of the table is missing or damaged.
    """
    if wrong := delta.damaged(_folder(table), table.get_add_actions(flatten=True)):
        raise IntegrityError(
            f"the prediction log {_folder(table)} cannot be read: {wrong}; restore it from a copy"
        )
    wanted = f"sequence > {where}" if isinstance(where, int) else _equal(*where)
    try:
        for batch in table.scan(predicate=wanted):
            names = batch.schema.names
            columns = (batch.column(name).to_pylist() for name in names)
            yield from (
                _parsed(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)
            )
    except Exception as error:  # noqa: BLE001  deltalake raises just that for a damaged file
        raise _unreadable(table.table_uri, error) from None


def _folder(table: DeltaTable) -> Path:
    return Path(url2pathname(urlsplit(table.table_uri).path))


def _equal(column: str, value: str | Collection[str]) -> str:
    values = [value] if isinstance(value, str) else value
    quoted = ("'" + one.replace("'", "''") + "'" for one in values)
    return f"{column} in ({', '.join(quoted)})"


def opened(path: Path) -> DeltaTable | None:
    """A table, or None if there is none yet.

    Raises:
        IntegrityError: its log cannot be read.
    """
    if empty := delta.empty_commit(path):
        raise IntegrityError(
            f"{empty} is empty, as after a power loss, and the rows of that commit are missing; "
            "`fullturn serve` delivers them again from the journal, if that is there: otherwise "
            "restore the file from a copy, or remove it to do without its rows"
        )
    try:
        return DeltaTable(str(path))
    except TableNotFoundError:
        return None
    except (DeltaError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def delivered(table: DeltaTable | None) -> int:
    """The last sequence in a table."""
    return int(table.transaction_version(_APP) or 0) if table else 0


def _columns(rows: list[list[Any]], name: str) -> pa.Table:
    import pyarrow as pa

    kinds = {
        _TEXT: pa.string(),
        _WHOLE: pa.int64(),
        _REAL: pa.float64(),
        _TIME: pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(field, kinds[kind]) for field, kind in SCHEMAS[name].items()])
    columns = []
    for field, values in zip(schema, zip(*rows, strict=True), strict=True):
        cells = map(_as_json, values) if field.name in _JSON else values
        columns.append(pa.array(cells, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _as_json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _unreadable(path: Path | str, error: Exception) -> IntegrityError:
    return IntegrityError(
        f"the prediction log {path} cannot be read ({first_line(error)}); restore it"
    )


def _unwritten(path: Path, error: Exception) -> CouldNotEvaluate:
    return CouldNotEvaluate(
        f"the prediction log {path} could not be written ({first_line(error)}); its records stay "
        "in the journal and are delivered later"
    )


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table as the journal has it."""
    row["time"] = round(row["time"].timestamp() * 1000)
    for name in _JSON & row.keys():
        row[name] = orjson.loads(row[name]) if row[name] is not None else None
    return row
