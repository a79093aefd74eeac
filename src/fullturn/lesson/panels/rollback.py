"""Roll back to the previous champion while requests are running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fullturn.core import proxies
from fullturn.core.entities import HistoryEntry
from fullturn.core.errors import NotFound
from fullturn.demo.audience import Audience
from fullturn.lesson.panels.events import (
    Emit,
    Options,
    axis,
    mark,
    outcome,
    point,
    say,
    shorter,
    table,
)
from fullturn.lesson.panels.stage import Stage
from fullturn.registry import promotion
from fullturn.verbs.history import history
from fullturn.verbs.rollback import rollback

if TYPE_CHECKING:
    import httpx

RATE, VERSION = "rate", "version"
BEFORE, AFTER, PATIENCE = 3.0, 3.0, 20.0
"""Seconds of traffic before and after, and the timeout for the server to switch."""
LOOK_EVERY = 0.25
REASON = "lesson demo"


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Show traffic, roll back during it, and count failed requests."""
    project = stage.project
    if not _can_roll_back(stage, emit):
        return
    target = promotion.rollback_target(project.store)
    with (
        stage.audience() as audience,
        proxies.client(address := stage.server.address(), timeout=10) as client,
    ):
        meter = Meter(client, f"{address}/status", audience, emit)
        emit(axis(RATE, "requests per second", "seconds"))
        emit(axis(VERSION, "serving version", "seconds"))
        meter.watch(BEFORE)
        emit(
            say(
                f"version {meter.version} is serving; running fullturn rollback --reason '{REASON}'"
            )
        )
        emit(mark(RATE, meter.now, "rollback"))
        emit(mark(VERSION, meter.now, "rollback"))
        moved, seconds = meter.during(lambda: rollback(project, reason=REASON))
        emit(say(f"history entry #{moved.number}: version {moved.version} is champion again after "
                 f"{seconds:.1f} s, in which its files were loaded and tested"))  # fmt: skip
        followed = meter.until(target)
        meter.watch(AFTER)
        seen = audience.counts()
    _history(stage, emit)
    word = "PASSED" if seen.failed == 0 else "FAILED"
    where = f"version {target} was serving {followed:.1f} s after the command finished"
    emit(outcome(word, f"{seen.failed} of {seen.asked:,} requests failed; {where}"))


def _can_roll_back(stage: Stage, emit: Emit) -> bool:
    try:
        promotion.rollback_target(stage.project.store)
    except NotFound as error:
        _history(stage, emit)
        emit(outcome("NOTHING TO DO", f"{error}; run the canary panel first"))
        return False
    return True


def _history(stage: Stage, emit: Emit) -> None:
    entries = [entry for entry in history(stage.project) if entry.effective]
    rows = [_row(entry) for entry in reversed(entries)]
    emit(table("history", (">#", "action", "champion", "reason"), rows[:5]))


def _row(entry: HistoryEntry) -> tuple[str, ...]:
    moved = f"{entry.previous or '–'} → {entry.version}"
    return str(entry.number), entry.action, moved, shorter(entry.reason, 40)


@dataclass
class Meter:
    """Samples the traffic and the serving version several times a second."""

    client: httpx.Client
    address: str
    """Where the server says which version is serving."""
    audience: Audience
    emit: Emit
    began: float = field(default_factory=time.monotonic)
    version: int = 0
    _asked: int = 0
    _at: float = 0.0

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def watch(self, seconds: float) -> None:
        """Sample for this many seconds."""
        end = self.now + seconds
        while self.now < end:
            self._look()

    def until(self, version: int) -> float:
        """Sample until this version is serving; returns the seconds it took."""
        start = self.now
        while self._look() != version:
            if self.now - start > PATIENCE:
                raise NotFound(f"version {version} is not serving after {PATIENCE:.0f} s")
        return self.now - start

    def during(self, act: Callable[[], HistoryEntry]) -> tuple[HistoryEntry, float]:
        """Sample while `act` runs in another thread."""
        start, done = self.now, list[HistoryEntry | BaseException]()
        thread = threading.Thread(target=lambda: done.append(_caught(act)), daemon=True)
        thread.start()
        while thread.is_alive():
            self._look()
        if isinstance(done[0], BaseException):
            raise done[0]
        return done[0], self.now - start

    def _look(self) -> int:
        time.sleep(LOOK_EVERY)
        seen, now = self.audience.counts(), self.now
        self.version = int(self.client.get(self.address).json()["version"])
        rate = (seen.asked - self._asked) / max(1e-9, now - self._at)
        if self._at:
            self.emit(point(RATE, "answered", now, rate))
            self.emit(point(RATE, "failed", now, seen.failed))
        self.emit(point(VERSION, "version", now, self.version))
        rows = [(f"{rate:.0f}", f"{seen.asked:,}", str(seen.failed), str(self.version))]
        self.emit(table("traffic", (">per second", ">requests", ">failed", ">version"), rows))
        self._asked, self._at = seen.asked, now
        return self.version


def _caught(act: Callable[[], HistoryEntry]) -> HistoryEntry | BaseException:
    try:
        return act()
    except Exception as error:  # noqa: BLE001  raised again in the panel's own thread
        return error
