"""Batches that form automatically: whatever is queued when the worker is free, up to a limit.

There is no timer to wait for. One thread predicts: it takes what is queued, calls each arm's
version once, writes all records into the prediction log in one write, and only then releases the
answers. Shadow work has a queue of its own, runs when no live row waits, and is dropped first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from fullturn.core.entities import Prediction
from fullturn.core.errors import FullturnError
from fullturn.core.redaction import redacted
from fullturn.serving.answering import (
    Full,
    NotAnswered,
    Pace,
    Work,
    assign_arms,
    replace_unserializable,
    run_batch,
    serializable,
)
from fullturn.serving.deployment import Deployment, LoadedVersion
from fullturn.serving.fair_queue import FairQueue, Shares
from fullturn.serving.metrics import Metrics
from fullturn.serving.shadow import Shadows

SWEEP = 0.2
"""Seconds between two checks for requests that have timed out."""
LONGEST = 0.25
"""Seconds that a batch should take at most: each request in it waits for all of it."""
_log = logging.getLogger("fullturn.serving")


class Log(Protocol):
    """Where predictions are stored."""

    def append(self, entries: Sequence[Prediction]) -> None:
        """Store these, or raise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of batches and queues."""

    batch_rows: int = 64
    queue_rows: int = 2048
    shadow_rows: int = 256
    timeout: float = 30.0
    """Seconds."""
    serve_without_log: bool = False
    """Whether to answer also while predictions cannot be logged."""


OnLogged = Callable[[LoadedVersion, Sequence[Prediction]], None]
"""Called with the predictions of a version once they are logged, before they are sent."""


class Batcher:
    """Takes works from an event loop and answers them in one thread."""

    def __init__(
        self,
        current: Callable[[], Deployment],
        log: Log,
        limits: Limits,
        metrics: Metrics,
        on_logged: OnLogged = lambda slot, made: None,
    ) -> None:
        self._current, self._log, self._limits = current, log, limits
        self._metrics, self._on_logged = metrics, on_logged
        self.failure: str | None = None
        """Why predictions cannot be logged; None if they can."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arriving: list[Work] = []
        self._open: deque[Work] = deque()
        self._shares = Shares(limits.queue_rows)
        self._queue: SimpleQueue[list[Work] | None] = SimpleQueue()
        self._waiting: deque[Work] = deque()
        self._fair: FairQueue[Work] = FairQueue()
        """What does not fit into one batch."""
        self._shadows = Shadows(limits.shadow_rows)
        self._pace = Pace(LONGEST)
        self._thread = threading.Thread(target=self._run, name="predict", daemon=True)

    # On the event loop

    def start(self) -> None:
        """Begin to answer; called on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._loop.call_later(SWEEP, self._sweep)

    def close(self, timeout: float = 5.0) -> None:
        """Answer what is queued, then stop."""
        self._loop = None
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def submit(self, work: Work) -> None:
        """Queue a work; its future is done when it is answered.

        Raises:
            Full: too many rows wait already.
        """
        if not self._shares.admit(work.caller, len(work.rows)):
            raise Full
        if not self._arriving and self._loop is not None:
            # Runs after the sockets that are ready now were read: their rows are one batch.
            self._loop.call_soon(self._flush)
        self._arriving.append(work)
        self._open.append(work)

    @property
    def alive(self) -> bool:
        """Whether the worker thread runs."""
        return self._thread.is_alive()

    @property
    def queued(self) -> int:
        """Rows that wait or are being answered."""
        return self._shares.total

    @property
    def shadows(self) -> int:
        """Copies that wait for the shadow."""
        return len(self._shadows)

    def _flush(self) -> None:
        arriving, self._arriving = self._arriving, []
        self._queue.put(arriving)

    def _answer(self, works: Sequence[Work], failure: str | None) -> None:
        for work in works:
            self._shares.release(work.caller, len(work.rows))
            if work.answered.done():
                continue
            if failure:
                work.answered.set_exception(NotAnswered(failure))
            else:
                work.answered.set_result(None)

    def _sweep(self) -> None:
        """Fail requests that have timed out; the oldest come first."""
        oldest = time.perf_counter() - self._limits.timeout
        while self._open and (self._open[0].answered.done() or self._open[0].arrived < oldest):
            work = self._open.popleft()
            if not work.answered.done():
                reason = f"no answer within {self._limits.timeout:g} seconds"
                work.answered.set_exception(NotAnswered(reason))
        if self._loop is not None:
            self._loop.call_later(SWEEP, self._sweep)

    # In the thread

    def _run(self) -> None:
        while self._fill():
            try:
                if self._waiting or self._fair:
                    self._serve(self._batch())
                else:
                    self._shadow()
            except Exception as error:  # noqa: BLE001  the thread must go on
                self.failure = _failed(error)

    def _fill(self) -> bool:
        """Take what is queued; wait only if there is nothing at all to do. False at the end."""
        with contextlib.suppress(Empty):
            while True:
                busy = bool(self._waiting or self._fair)
                arrived = self._queue.get(block=not busy and not self._shadows)
                if arrived is None:
                    self._shadows.clear()
                    if busy:
                        self._queue.put(None)  # once they are answered
                    return busy
                self._waiting.extend(arrived)
        return True

    def _batch(self) -> list[Work]:
        """All that waits, if it fits; otherwise a part that is fair to the callers."""
        most = min(self._limits.batch_rows, self._pace.rows)
        if not self._fair and _fit(self._waiting, most):
            taken = list(self._waiting)
            self._waiting.clear()
            return taken
        while self._waiting:
            work = self._waiting.popleft()
            self._fair.push(work.caller, len(work.rows), work)
        rows, work = self._fair.pop()
        taken = [work]
        while self._fair and rows + self._fair.next_cost <= most:
            cost, work = self._fair.pop()
            taken.append(work)
            rows += cost
        return taken

    def _serve(self, works: list[Work]) -> None:
        failure: str | None = "the server failed"
        try:
            failure = self._answered([work for work in works if not work.answered.done()])
        except NotAnswered as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001  the works must be answered
            failure = _failed(error)
        finally:
            self._deliver(works, failure)

    def _answered(self, works: list[Work]) -> str | None:
        """Answer and log; returns why that failed, or None."""
        deployment, now = self._current(), time.time_ns() // 1_000_000
        begun = time.perf_counter()
        groups = assign_arms(works, deployment, now)
        for slot, group in groups:
            run_batch(slot, group, now, self._pace, self._limits.batch_rows)
        failure = self._log_all(works)
        if failure:
            for work in works:
                work.logged = False
            return None if self._limits.serve_without_log else failure
        for slot, group in groups:
            self._on_logged(slot, [one for work in group for one in work.predictions])
        if deployment.releasing("shadow"):
            self._metrics.shadows_dropped += self._shadows.copy(works, begun)
        return None

    def _log_all(self, works: Sequence[Work]) -> str | None:
        try:
            return self._logged([one for work in works for one in work.predictions])
        except TypeError:
            for work in works:
                replace_unserializable(work)
            return self._logged([one for work in works for one in work.predictions])

    def _logged(self, made: Sequence[Prediction]) -> str | None:
        """Log and count; returns why that failed, or None."""
        try:
            self._log.append(made)
        except FullturnError as error:
            self.failure = f"predictions cannot be logged: {error}"
            return self.failure
        self.failure = None
        self._metrics.answered(made)
        return None

    def _shadow(self) -> None:
        deployment = self._current()
        if not deployment.releasing("shadow"):
            self._shadows.clear()
            return
        now = time.time_ns() // 1_000_000
        slot = deployment.slot("shadow")
        made = self._shadows.answered(slot, now, self._limits.batch_rows)
        try:
            self._logged(made)
        except TypeError:
            self._logged([serializable(one) for one in made])

    def _deliver(self, works: Sequence[Work], failure: str | None) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._answer, works, failure)


def _failed(error: Exception) -> str:
    """What clients are shown of an error that nobody expected; the log has all of it."""
    _log.exception("the server failed: %r", error)
    return redacted(f"the server failed: {error!r}")


def _fit(works: Iterable[Work], most: int) -> bool:
    rows = 0
    for work in works:
        rows += len(work.rows)
        if rows > most:
            return False
    return True
