"""The SQLite database under a project: made and migrated beside its place, then renamed.

MLflow makes its tables in some eighty steps that are not one transaction. A process that is killed
meanwhile would leave a database that nobody can use, and two processes would disturb each other.
So one process at a time works, under a lock that dies with it, on a draft that nobody else opens.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from fullturn.core.errors import StoreUnavailable, from_system
from fullturn.core.state import fsync

PATIENCE = 300.0
"""Seconds to wait for the process that makes the database."""
SETTLED = 3.0
"""Seconds without a write, after which nobody is at work on a half-made database."""
_BUSY = 20.0
_HALF_MADE = ""
"""The schema of a database whose making was interrupted."""


def ready(uri: str, own: bool) -> Path | None:
    """Make sure that the database of an address has the tables of the installed MLflow.

    A missing one is made; a half-made one without runs is recreated. An older one is migrated if
    it is the project's `own`, and a copy of it stays beside it. Returns its path, None if the
    address names none.

    Raises:
        StoreUnavailable: it is damaged, of a newer MLflow, or another process makes it for too
            long; or it is older and not the project's own.
        CouldNotEvaluate: its folder cannot be written.
    """
    from fullturn.store import schema

    path = schema.path_of(uri)
    if path is None:
        return None
    head = schema.newest()
    if _found(path) != head:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _sole(path):
                _bring(uri, path, head, own)
        except OSError as error:
            raise from_system(error) from None
        except sqlite3.Error as error:
            raise _damaged(path, error) from None
    return path


def _bring(uri: str, path: Path, head: str, own: bool) -> None:
    """Make, or migrate, under the lock, what is not there yet."""
    from fullturn.store import schema

    found = _settled(path, head)
    if found == head:
        return
    if found is None or not _is_used(path):
        with _draft(uri, path) as (draft, address):
            schema.make(address)
            _remove(path)
            draft.replace(path)
            fsync(path.parent)
        return
    if not schema.is_known(found):
        raise StoreUnavailable(
            f"{path} was written by a newer MLflow (its schema is {found}, this MLflow's is "
            f"{head}); upgrade MLflow: pip install --upgrade mlflow"
        )
    if found == _HALF_MADE or not own:
        reason = "a migration of it was interrupted" if found == _HALF_MADE else "it is older"
        raise StoreUnavailable(
            f"{path} does not have the tables of this MLflow: {reason}; make a copy of it, then "
            f"run `mlflow db upgrade {uri}`"
        )
    with _draft(uri, path) as (draft, address):
        _migrate(path, draft, address, found)


def _migrate(path: Path, draft: Path, address: str, found: str) -> None:
    """Upgrade a copy while nobody can write, and put it in its place.

    Whoever has the old file open then finds it empty: an error, where a write would be lost.
    """
    from fullturn.store import schema

    old = path.with_name(f"{path.name}.{found}")
    with closing(sqlite3.connect(path, _BUSY, isolation_level=None)) as opened:
        opened.execute("BEGIN EXCLUSIVE")
        with path.open("rb+") as replaced:
            shutil.copyfile(path, draft)
            shutil.copyfile(path, old)
            schema.upgrade(address)
            draft.replace(path)
            fsync(path.parent)
            replaced.truncate(0)


def _found(path: Path) -> str | None:
    """The version of a database's schema; None if there is no database.

    Raises:
        StoreUnavailable: it is none, or is damaged.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        with closing(_opened(path)) as database:
            tables = _tables(database)
            if "alembic_version" not in tables or any(t.startswith("_alembic") for t in tables):
                return _HALF_MADE if tables else None
            versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
            return str(versions[0][0]) if versions else _HALF_MADE
    except OSError as error:
        raise from_system(error) from None
    except sqlite3.Error as error:
        raise _damaged(path, error) from None


def _settled(path: Path, head: str) -> str | None:
    """The schema once nobody works on it: another program may be making it in its place."""
    deadline = time.monotonic() + PATIENCE
    while (found := _found(path)) not in (None, head) and time.monotonic() < deadline:
        written = [one.stat().st_mtime for one in _with_journals(path) if one.exists()]
        if abs(time.time() - max(written, default=0)) > SETTLED:
            break
        time.sleep(0.2)
    return found


def _is_used(path: Path) -> bool:
    """Whether anything is recorded: a run, a model, a trace, an experiment besides the default."""
    least = {"runs": 0, "registered_models": 0, "logged_models": 0, "trace_info": 0}
    with closing(_opened(path)) as database:
        there = _tables(database)
        return any(
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > most  # noqa: S608
            for table, most in {**least, "experiments": 1}.items()
            if table in there
        )


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that rolls back what a killed writer left, where the database can be written."""
    mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", _BUSY, uri=True)


def _tables(database: sqlite3.Connection) -> set[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows.fetchall()}


@contextmanager
def _draft(uri: str, path: Path) -> Iterator[tuple[Path, str]]:
    """A place beside a database, and its address; what was left there is removed before and after.

    The name is a new one each time: MLflow keeps connections to databases that it opened.
    """
    for left in path.parent.glob(f"{path.name}.new-*"):
        left.unlink()
    name = f".new-{time.time_ns()}"
    place, mark, options = uri.partition("?")
    draft = path.with_name(path.name + name)
    try:
        draft.touch()  # fails at once, where MLflow would retry for 100 seconds
        yield draft, f"{place}{name}{mark}{options}"
    finally:
        _remove(draft)


def _remove(path: Path) -> None:
    """Remove a database; its journals last, which would spoil the one that comes there."""
    for left in _with_journals(path):
        left.unlink(missing_ok=True)


def _with_journals(path: Path) -> list[Path]:
    """A database and the files that SQLite may have beside it."""
    return [path.with_name(f"{path.name}{end}") for end in ("", "-journal", "-wal", "-shm")]


def _damaged(path: Path, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the database {path} cannot be used ({error}); check disk space and permissions, or "
        "restore it from a copy"
    )


@contextmanager
def _sole(path: Path) -> Iterator[None]:
    """Hold the lock of whoever makes or migrates the database."""
    lock = path.with_name(f"{path.name}.lock")
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _taken(fd):
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"another process has been making the database {path} for {PATIENCE:.0f} s "
                    f"and has locked {lock}; stop it, then try again"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
