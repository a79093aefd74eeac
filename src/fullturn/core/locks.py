"""The project's lock: one process at a time changes it; the lock ends with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fullturn.core.errors import Conflict, from_system

FILE = "turn.lock"


@contextmanager
def project_lock(state: Path, what: str) -> Iterator[None]:
    """Hold the project's lock for the length of a `with` block, doing `what`; see `file_lock`."""
    with file_lock(state / FILE, what):
        yield


@contextmanager
def file_lock(path: Path, what: str) -> Iterator[None]:
    """Hold the lock that this file is for the length of a `with` block, doing `what`.

    Raises:
        Conflict: another process holds it; the message says which, what it does and since when.
        CouldNotEvaluate: the file cannot be written.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise from_system(error) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 500, 0).decode(errors="replace").strip() or "another process"
            raise Conflict(
                f"{holder} is running in this project ({path}); wait until it is done, or stop it"
            ) from None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()} (`{what}` since {now})".encode(), 0)
        yield
    finally:
        os.close(fd)
