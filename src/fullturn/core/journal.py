"""An append-only log that survives SIGKILL, and the drain that carries it elsewhere.

Whoever produces metrics, traces or predictions appends bytes to a local file and continues;
a drain hands them to a sink, such as MLflow, in batches, and at least once.

The file is `MAGIC` followed by records: length u32, CRC-32 u32 of length and payload, payload;
little-endian. A record is appended by one write: once `append` has returned it is in the
kernel's page cache, which outlives the process. Needs a POSIX system (flock).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

from fullturn.core.errors import (
    CouldNotEvaluate,
    DiskFull,
    FullturnError,
    JournalCorrupt,
    UsageError,
)
from fullturn.core.framing import LARGEST, Torn, framed, intact, torn
from fullturn.core.redaction import redacted
from fullturn.core.state import fsync

MAGIC = b"FTJRNL1\n"
LARGEST_WRITE = LARGEST
"""Bytes that one `append` or `append_many` may write, eight per record included."""

Sink = Callable[[Sequence[bytes]], None]
"""Takes payloads in order. Must be idempotent: after a crash a batch is delivered again."""

_log = logging.getLogger(__name__)
_CHUNK = 2**16
_LONGEST_DELAY = 30.0


class Journal:
    """Appends to one file, from any number of threads and processes.

    Opening makes the file and its folder if need be, and cuts off the record that a killed
    writer left half-written. What a power loss damaged is cut out, saved in a file beside it, and
    logged as a warning. With `sync` every append also survives power loss, at the price of an
    fsync; `append_many` shares one among its records. A `private` file is for its owner only.

    Raises:
        JournalCorrupt: the file is no journal, or a record before its tail is damaged.
        DiskFull: a write did not fit; the journal then contains exactly what it contained before.
        UsageError: the payloads of one call are larger than `LARGEST_WRITE`.
        CouldNotEvaluate: the file cannot be opened or written for another reason.
    """

    def __init__(self, path: Path, *, sync: bool = False, private: bool = False) -> None:
        self.path = path
        self._sync = sync
        self._private = private
        self._fd = -1
        self._open()

    def append(self, payload: bytes) -> None:
        """Add one record; it is durable once this returns."""
        self._write(framed(payload))

    def append_many(self, payloads: Iterable[bytes]) -> None:
        """Add records by a single write: other writers' records never come between them."""
        self._write(b"".join(map(framed, payloads)))

    def close(self) -> None:
        """Give the file back; appending afterwards is an error. Closing twice is not."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._mutex = threading.Lock()
        self._pid = os.getpid()
        self._fd = self._open_file()
        self._end = -1  # not known yet: the first write finds it
        try:
            self._write(b"")
        except FullturnError:
            self.close()
            raise

    def _open_file(self) -> int:
        with _explained(self.path, "open"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            fd = os.open(self.path, flags, 0o600 if self._private else 0o666)
            if self._private:
                os.fchmod(fd, 0o600)
            if self._sync:
                fsync(self.path.parent)
            return fd

    def _write(self, data: bytes) -> None:
        if len(data) > LARGEST_WRITE:
            raise UsageError(
                f"{len(data)} bytes in one write to {self.path}, at most {LARGEST_WRITE}: "
                "append them in parts, or store a file and append its address"
            )
        if os.getpid() != self._pid and self._fd >= 0:
            self.close()  # a fork shares the descriptor and, with it, the lock
            self._open()
        with self._mutex:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX)
                if os.lseek(self._fd, 0, os.SEEK_END) != self._end:
                    self._catch_up()
                self._put(data)
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _catch_up(self) -> None:
        """Find the end again, under the lock: others wrote, died writing, or removed the file."""
        while not os.fstat(self._fd).st_nlink:
            fd = self._open_file()
            os.close(self._fd)
            self._fd = fd
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self._end = -1
        if not len(MAGIC) <= self._end <= os.lseek(self._fd, 0, os.SEEK_END):
            self._end = _start(self._fd, self.path)
        if self._end == 0:
            os.ftruncate(self._fd, 0)
            self._put(MAGIC)
        self._end = _last(self._fd, self._end)
        while (found := _torn_at(self._fd, self.path, self._end)) is not None:
            self._cut(found)
            self._end = _last(self._fd, self._end)

    def _cut(self, found: Torn) -> None:
        """Cut damaged bytes off, or out; those of a power loss are set aside, and it is said."""
        rest = os.pread(self._fd, os.fstat(self._fd).st_size - self._end, self._end)
        damaged, whole = rest[: found.size], rest[found.size :]
        if found.lost:
            aside = _set_aside(self.path, rest, self._end)
            _log.warning(
                "%s: %d bytes at offset %d were lost, as by a power loss; records before and after "
                "them are whole, and a copy of the bytes from there on is in %s",
                *(self.path, len(damaged), self._end, aside),
            )
        os.ftruncate(self._fd, self._end)
        os.write(self._fd, whole)

    def _put(self, data: bytes) -> None:
        try:
            if os.write(self._fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._sync:
                os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, self._end)
            raise _failure(self.path, "append to", error) from error
        self._end += len(data)


def read(path: Path, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Payloads from `offset` on, each with the offset (in bytes) of the record after it.

    `offset` is 0 or one that was given before. Ends at the last whole record; a journal that
    does not exist has none. Takes no lock while it reads, so writers are never blocked.

    Raises:
        JournalCorrupt: the file is no journal, or a record before its tail is damaged.
    """
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failure(path, "open", error) from error
    with file:
        fd = file.fileno()
        position = max(offset, _start(fd, path))
        for payload, position in _scan(fd, position):  # noqa: B020
            yield payload, position
        if os.pread(fd, 1, position):
            with _locked(fd, fcntl.LOCK_SH):  # look again while no writer is at work
                if next(_scan(fd, position), None) is None:
                    _torn_at(fd, path, position)


def waiting(path: Path) -> Iterator[bytes]:
    """The payloads in a journal that no drain has delivered yet. Raises as `read` does."""
    return (payload for payload, _ in read(path, _offset(path)))


class Drain:
    """Carries the records of one journal to a sink, in order, at least once.

    Its position is stored in `<journal>.offset` after the sink took a batch. A lock,
    `<journal>.lock`, makes sure that one drain works at a time, of all processes; the others find
    nothing to do. Either call `drain_once` and `replay`, or `start` a thread and `close` it.

    The thread looks for records every `pause` seconds. A sink that raises gets the same batch again
    after `pause`, doubled each time up to 30 s, `retries` times; then the thread rests until
    `close`, which tries as often again. Nothing is ever skipped. A journal of more than `largest`
    bytes is removed once it is delivered, and its writers start a new one; before that it is
    compared with what arrived, and delivered again if anything is missing.
    """

    def __init__(
        self,
        path: Path,
        sink: Sink,
        *,
        batch: int = 1000,
        retries: int = 8,
        pause: float = 0.2,
        largest: int = 2**26,
        verify: Callable[[Iterable[bytes]], None] | None = None,
    ) -> None:
        """`verify` raises a FullturnError if these payloads are not where the sink put them."""
        self.path = path
        self.failure: FullturnError | None = None
        """Why the thread's last attempt failed; None if it did not."""
        self._sink = sink
        self._batch = batch
        self._retries = retries
        self._pause = pause
        self._largest = largest
        self._verify = verify
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._thread: threading.Thread | None = None

    def drain_once(self) -> int:
        """Hand one batch to the sink; the number of records in it.

        Raises:
            JournalCorrupt: the next record is damaged.
            FullturnError: whatever the sink raises; the batch stays in the journal.
        """
        with _only_drain(self.path) as is_only:
            records = self._next_batch() if is_only else []
            if records:
                self._sink([payload for payload, _ in records])
                self._store_offset(records[-1][1])
        return len(records)

    def replay(self) -> int:
        """Hand everything that is there to the sink; the number of records. Raises as above."""
        return sum(iter(self.drain_once, 0))

    def compare(self) -> None:
        """Deliver everything again if what was delivered did not arrive.

        Raises:
            FullturnError: that is so; the next delivery begins at the start.
        """
        offset = _offset(self.path)
        if self._verify is None or not offset:
            return
        try:
            self._verify(payload for payload, end in read(self.path) if end <= offset)
        except FullturnError:
            _beside(self.path, "offset").unlink(missing_ok=True)
            raise

    def undrained(self) -> int:
        """How many records no drain has delivered yet."""
        return sum(1 for _ in waiting(self.path))

    def trim(self) -> None:
        """Deliver what is left while writers wait, and remove the journal; they start a new one.

        Raises as `drain_once` does.
        """
        with _only_drain(self.path) as is_only:
            if is_only:
                self._remove_if_drained(self._sink)

    def start(self) -> Self:
        """Begin to drain in a daemon thread."""
        self._thread = threading.Thread(target=self._run, name=f"drain {self.path}", daemon=True)
        self._thread.start()
        return self

    def close(self, timeout: float = 10.0) -> int:
        """Let the thread finish, for at most `timeout` seconds; the number of undrained records.

        A journal without any is removed (a writer that still has it open starts a new one);
        otherwise it waits for the next drain.

        Raises:
            JournalCorrupt: an undrained record is damaged.
        """
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout)
        with _only_drain(self.path) as is_only:
            if is_only:
                try:
                    self._remove_if_drained()
                except FullturnError as error:
                    self.failure = error
        return self.undrained()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            drained, failures = self._attempt(failures)
            if drained < self._batch:
                self._closing.wait(self._delay(failures) if failures <= self._retries else None)
        failures = 0
        while failures <= self._retries and time.monotonic() < self._deadline:
            drained, failures = self._attempt(failures)
            if failures:
                time.sleep(max(0.0, min(self._delay(failures), self._deadline - time.monotonic())))
            elif not drained:
                return

    def _attempt(self, failures: int) -> tuple[int, int]:
        """Drain once; how many records that were, and failures in a row so far."""
        try:
            drained = self.drain_once()
            if drained < self._batch and _offset(self.path) > self._largest:
                self.trim()
        except FullturnError as error:
            self.failure = error
            return 0, failures + 1
        except Exception as error:  # noqa: BLE001  the thread must go on
            return 0, self._unforeseen(error, failures)
        self.failure = None
        return drained, 0

    def _unforeseen(self, error: Exception, failures: int) -> int:
        """Log an error with its traceback at the first failure in a row; the failures so far."""
        said = f"{self.path} could not be delivered: {type(error).__name__}: {error}"
        self.failure = CouldNotEvaluate(said)
        if not failures:
            _log.error("%s", redacted("".join(traceback.format_exception(error))))
        return failures + 1

    def _delay(self, failures: int) -> float:
        return min(_LONGEST_DELAY, self._pause * 2.0 ** max(0, failures - 1))

    def _next_batch(self) -> list[tuple[bytes, int]]:
        records: list[tuple[bytes, int]] = []
        try:
            records.extend(islice(read(self.path, _offset(self.path)), self._batch))
        except JournalCorrupt:
            if not records:  # what comes before the damage is delivered first
                raise
        return records

    def _store_offset(self, offset: int) -> None:
        target, draft = _beside(self.path, "offset"), _beside(self.path, "offset.new")
        with _explained(target, "write"):
            fsync(self.path)  # after a power loss the offset must not lie beyond the records
            draft.write_text(f"{offset}\n", encoding="ascii")
            draft.replace(target)

    def _remove_if_drained(self, sink: Sink | None = None) -> None:
        with self.path.open("rb+") as file, _locked(file.fileno(), fcntl.LOCK_EX):
            begin = max(_offset(self.path), len(MAGIC))
            if sink and (rest := list(_scan(file.fileno(), begin))):
                sink([payload for payload, _ in rest])
                self._store_offset(rest[-1][1])
            if file.seek(0, os.SEEK_END) > max(_offset(self.path), len(MAGIC)):
                return
            self.compare()
            # In this order: an offset must not outlive its journal, and a waiting writer
            # tells by the size that the file it has open is not the one it left.
            _beside(self.path, "offset").unlink(missing_ok=True)
            file.truncate(0)
            self.path.unlink()
            _beside(self.path, "lock").unlink()


def _offset(path: Path) -> int:
    """Where to continue. From the start if that is unknown or lost: nothing may be skipped."""
    try:
        offset = int(_beside(path, "offset").read_bytes())
        return offset if offset <= path.stat().st_size else 0
    except (FileNotFoundError, ValueError):
        return 0


def _scan(fd: int, position: int) -> Iterator[tuple[bytes, int]]:
    """Whole records of a file from `position` on, each with the offset after it."""
    while data := os.pread(fd, _CHUNK, position):
        records = list(intact(data)) or list(intact(os.pread(fd, LARGEST_WRITE, position)))
        if not records:
            return
        yield from ((payload, position + end) for payload, end in records)
        position += records[-1][1]


def _last(fd: int, position: int) -> int:
    """The end of the last whole record."""
    return max((end for _, end in _scan(fd, position)), default=position)


def _start(fd: int, path: Path) -> int:
    """Where the records begin: after the magic, or 0 if that is not written yet."""
    magic = os.pread(fd, len(MAGIC), 0)
    if not MAGIC.startswith(magic):
        raise JournalCorrupt(
            f"{path} is not a journal of this version: at offset 0 it has {magic!r}, "
            f"not {MAGIC!r}; move it away"
        )
    return len(magic) if magic == MAGIC else 0


def _torn_at(fd: int, path: Path, position: int) -> Torn | None:
    """What an interrupted write or a power loss left at a position; None if nothing is there.

    Raises:
        JournalCorrupt: bytes were changed there.
    """
    rest = os.pread(fd, os.fstat(fd).st_size - position, position)
    found = torn(rest) if rest else None
    if rest and found is None:
        raise JournalCorrupt(
            f"{path} is damaged at offset {position}: the record there fails its checksum; copy "
            f"the file (its first {position} bytes are whole), then cut it there: "
            f"truncate --size {position} {path}"
        )
    return found


def _set_aside(path: Path, content: bytes, position: int) -> Path:
    """Save damaged bytes in a file beside the journal."""
    aside = _beside(path, f"damaged-{position}-{time.time_ns()}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return aside


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.{name}")


@contextmanager
def _only_drain(path: Path) -> Iterator[bool]:
    """Whether this is the only drain at work; False also if there is no journal."""
    if not path.exists():
        yield False
        return
    with _explained(path, "lock"):
        file = _beside(path, "lock").open("ab")
    with file, ExitStack() as locks:
        try:
            locks.enter_context(_locked(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB))
            is_only = os.fstat(file.fileno()).st_nlink > 0  # not one that was just removed
        except BlockingIOError:
            is_only = False
        yield is_only


@contextmanager
def _locked(fd: int, kind: int) -> Iterator[None]:
    fcntl.flock(fd, kind)
    try:
        yield
    finally:  # closing would not do: a forked process may share the descriptor
        fcntl.flock(fd, fcntl.LOCK_UN)


@contextmanager
def _explained(path: Path, action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failure(path, action, error) from error


def _failure(path: Path, action: str, reason: OSError) -> CouldNotEvaluate:
    if reason.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return DiskFull(
            f"cannot {action} {path}: {reason.strerror}; nothing was added: "
            "free some space and append again"
        )
    return CouldNotEvaluate(
        f"cannot {action} {path}: {reason.strerror}; check the path, its permissions and the disk"
    )
