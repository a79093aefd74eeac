"""The prediction log: requests, their answers, and feedback that arrives later.

An answer is sent only after its record is in a journal (`predictions.journal`). A drain moves
the journal to two Delta tables, `log/predictions` and `log/feedback`, which Spark, DuckDB and
Polars read too. Readers see both, so nothing that was acknowledged is ever missing.

Exactly once: `sequence` only grows, also when the clock is set back; each commit to a table names
the last one that it contains; entries up to that one were delivered before.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from fullturn.core.entities import Feedback, Prediction
from fullturn.core.errors import Conflict, FullturnError, IntegrityError, NotFound, from_system
from fullturn.core.journal import LARGEST_WRITE, Drain, Journal, read, waiting
from fullturn.core.state import make
from fullturn.serving.tables import (
    SCHEMAS,
    TableSink,
    Where,
    delivered,
    drop_empty_commits,
    matching,
    opened,
)

JOURNAL = "predictions.journal"
TABLES = "log"
DRAIN_EVERY = 0.5
"""Seconds between two deliveries: each is a commit and a file."""
BATCH = 20_000
MOMENT = 0.3
"""Seconds for which another process may have the log, without being a server."""
VIOLATION = "DataError: "
"""Begins the error of a row that breaks the contract: the sender's fault, not the version's."""
_log = logging.getLogger(__name__)
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class PredictionLog:
    """The writing end, for one process at a time.

    Raises:
        Conflict: another process has this log open.
        CouldNotEvaluate: the journal or a table cannot be opened.
    """

    def __init__(self, state: Path, *, delivers: bool = True) -> None:
        """Without `delivers` it only appends to the journal, for a moment."""
        self._lock = _only_writer(state)
        try:
            self._journal = Journal(state / JOURNAL, private=True)
            self._drain = _drain(state) if delivers else None
            if self._drain:
                _recover(state, self._drain)
            self._last = _last_sequence(state)
        except BaseException:
            os.close(self._lock)
            raise
        self._mutex = threading.Lock()
        if self._drain:
            self._drain.start()

    def append(self, entries: Sequence[Prediction | Feedback]) -> None:
        """Append these, in one write up to 16 MB; each gets the next `sequence`.

        Raises:
            DiskFull: there is no space; none of that write is stored.
            CouldNotEvaluate: the journal cannot be written for another reason.
        """
        with self._mutex:
            first = max(self._last + 1, time.time_ns())
            payloads = [encode(entry, n) for n, entry in enumerate(entries, first)]
            self._last = first + len(entries) - 1
            for part in _parts(payloads):
                self._journal.append_many(part)

    @property
    def failure(self) -> str | None:
        """Why the tables lag behind the journal; None if they do not."""
        return str(self._drain.failure) if self._drain and self._drain.failure else None

    def close(self) -> None:
        """Deliver the rest, for a few seconds at most, and release the lock."""
        self._journal.close()
        if self._drain:
            self._drain.close(timeout=5)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def exists(state: Path) -> bool:
    """Whether anything was ever logged."""
    return (state / JOURNAL).exists() or (state / TABLES).exists()


def writing(state: Path) -> bool:
    """Whether a server of this project is running, on this machine."""
    try:
        os.close(_patiently(state, os.O_RDONLY, MOMENT))
    except Conflict:
        return True
    except OSError:  # nobody ever wrote
        return False
    return False


def predictions(state: Path, after: int = 0) -> list[Prediction]:
    """Predictions with a higher `sequence` than `after`, in that order."""
    return [Prediction(**row) for row in _rows(state, "predictions", after)]


def feedback(state: Path, after: int = 0) -> list[Feedback]:
    """Feedback with a higher `sequence` than `after`, in that order.

    Of two on one prediction the later one counts (`newest`).
    """
    return [Feedback(**row) for row in _rows(state, "feedback", after)]


def newest(entries: Iterable[Feedback]) -> dict[str, Feedback]:
    """By prediction, the feedback that counts: the last one."""
    return {entry.prediction: entry for entry in sorted(entries, key=lambda one: one.sequence)}


def find(state: Path, prediction: str) -> Prediction:
    """The prediction with this id.

    Raises:
        NotFound: the log has none.
    """
    found = _rows(state, "predictions", ("id", prediction))
    if not found:
        raise NotFound(f"no prediction '{prediction}' in the log {state / TABLES}")
    return Prediction(**found[0])


def known(state: Path, ids: Collection[str]) -> set[str]:
    """Those of these ids that the log has a prediction of."""
    if not ids:
        return set()
    rows = _rows(state, "predictions", ("id", frozenset(ids)))
    return {row["id"] for row in rows}


def deliver(state: Path) -> None:
    """Move the journal to the tables, if no server does: without one it would only grow."""
    drain = _drain(state)
    with contextlib.suppress(FullturnError):  # it stays in the journal
        drain.replay()
        drain.close(timeout=0)


def feedback_on(state: Path, prediction: str) -> list[Feedback]:
    """All feedback on one prediction, the one that counts last."""
    return [Feedback(**row) for row in _rows(state, "feedback", ("prediction", prediction))]


def encode(entry: Prediction | Feedback, sequence: int) -> bytes:
    """An entry as a record of the journal; only its `sequence` is replaced.

    Raises:
        TypeError: an input or output is not JSON.
    """
    e, values = entry, tuple[Any, ...]()
    if isinstance(e, Prediction):
        values = ("p", e.id, sequence, e.time, e.arm, e.version, e.key, e.input, e.output)
        values += (e.latency, e.error, e.copy_of)
    else:
        values = ("f", e.prediction, sequence, e.time, e.expected, e.score, e.source)
    return orjson.dumps(values, option=_OPTIONS)


def _drain(state: Path) -> Drain:
    sink = TableSink(state / TABLES)
    return Drain(
        state / JOURNAL,
        sink,
        batch=BATCH,
        pause=DRAIN_EVERY,
        retries=2**31,
        verify=sink.require_delivered,
    )


def _recover(state: Path, drain: Drain) -> None:
    """Deliver again what a power loss took from the tables, and let only the owner read the log."""
    tables = state / TABLES
    if tables.exists():
        with contextlib.suppress(PermissionError):
            tables.chmod(0o700)
        drop_empty_commits(tables, (payload for payload, _ in read(drain.path)))
    try:
        drain.compare()
    except IntegrityError as error:
        _log.warning("%s", error)


def _only_writer(state: Path) -> int:
    """A lock for the lifetime of the process."""
    make(state)
    try:
        return _patiently(state, os.O_RDWR | os.O_CREAT, MOMENT)
    except OSError as error:
        raise from_system(error) from None


def _patiently(state: Path, flags: int, seconds: float) -> int:
    """The lock; a verb that collects predictions made elsewhere has it for a moment."""
    until = time.monotonic() + seconds
    while True:
        try:
            return _locked(state, flags)
        except Conflict:
            if time.monotonic() >= until:
                raise
            time.sleep(0.02)


def _locked(state: Path, flags: int) -> int:
    fd = os.open(state / "predictions.writer", flags | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Conflict(
            f"another process writes the prediction log in {state}: a server of this project is "
            "running; stop it first, or use it"
        ) from None
    return fd


def _last_sequence(state: Path) -> int:
    left = (orjson.loads(payload)[2] for payload in waiting(state / JOURNAL))
    stored = (delivered(opened(state / TABLES / name)) for name in SCHEMAS)
    return max((*left, *stored), default=0)


def _parts(payloads: Sequence[bytes]) -> Iterable[list[bytes]]:
    """As few writes as the journal accepts."""
    if sum(map(len, payloads)) + 8 * len(payloads) <= LARGEST_WRITE:
        yield list(payloads)
        return
    yield from ([payload] for payload in payloads)


def _rows(state: Path, name: str, where: Where) -> list[dict[str, Any]]:
    """Rows after a sequence, or with these values of a column; each once, in order of sequence.

    The journal is read first: what a drain delivers meanwhile is then read twice, not missed.
    """
    left = _waiting(state, name)
    table = opened(state / TABLES / name)
    rows = left | ({row["sequence"]: row for row in matching(table, where)} if table else {})
    if isinstance(where, int):
        return [rows[sequence] for sequence in sorted(rows) if sequence > where]
    column, wanted = where
    values = {wanted} if isinstance(wanted, str) else wanted
    return [rows[sequence] for sequence in sorted(rows) if rows[sequence][column] in values]


def _waiting(state: Path, name: str) -> dict[int, dict[str, Any]]:
    kind, names = name[0], SCHEMAS[name]
    records = map(orjson.loads, waiting(state / JOURNAL))
    rows = (dict(zip(names, r[1:], strict=True)) for r in records if r[0] == kind)
    return {row["sequence"]: row for row in rows}
