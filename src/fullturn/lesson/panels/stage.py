"""Runs the panels: a project with its server and audience, one panel at a time."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fullturn.core.errors import CouldNotEvaluate, FullturnError, NotFound
from fullturn.lesson.panels import events
from fullturn.lesson.panels.events import Emit, Event, Options
from fullturn.lesson.panels.server import Server
from fullturn.verbs.workspace import Workspace

if TYPE_CHECKING:
    from fullturn.demo.audience import Audience, Question

LONGEST = 120.0
"""Time limit of a panel, in seconds."""
BUSY = 150.0
"""Maximum requests per second of an audience."""
Panel = Callable[["Stage", Options, Emit], None]


class Stopped(SystemExit):
    """The stage is closing: a running panel stops at its next event."""


@dataclass
class Performance:
    """One run of a panel, in progress or finished."""

    number: int
    name: str
    began: float = field(default_factory=time.monotonic)
    events: list[Event] = field(default_factory=list)
    """All events so far, in order; the last one is `done`."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def emit(self, event: Event) -> None:
        """Record an event.

        Raises:
            CouldNotEvaluate: the panel exceeded its time limit.
            Stopped: the stage is closing.
        """
        if self.stopping.is_set():
            raise Stopped
        if self.elapsed > LONGEST and event["type"] not in ("error", "done", "outcome"):
            raise CouldNotEvaluate(f"stopped: the panel exceeded its time limit of {LONGEST:.0f} s")
        self._append(event)

    def end(self, error: BaseException | None) -> None:
        """Record the end."""
        if error is not None:
            self._append(events.error(_words(error)))
        self._append(events.done())

    @property
    def over(self) -> bool:
        """Whether the panel has finished."""
        return bool(self.events) and self.events[-1]["type"] == "done"

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def _append(self, event: Event) -> None:
        self.events.append({**event, "at": round(self.elapsed, 2)})


class Busy(FullturnError):
    """Another panel is running; nothing was started."""


class Stage:
    """Runs panels on a prepared project, one at a time.

    Server and audience are separate processes: the server starts on first use and keeps running,
    an audience runs for one panel. Both end with this process, even if it is killed.
    """

    def __init__(self, project: Workspace, panels: Mapping[str, Panel]) -> None:
        self.project, self.server = project, Server(project)
        self.panels, self._lock = panels, threading.Lock()
        """The panels by name."""
        self._performances: list[Performance] = []
        self._thread: threading.Thread | None = None
        self._warming: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)

    def warm(self) -> None:
        """Start the server and load slow modules in the background."""
        self.server.start()
        with self._lock:
            if self._warming is None:
                self._warming = threading.Thread(target=_load, name="warm", daemon=True)
                self._warming.start()

    def start(self, name: str, options: Options) -> Performance:
        """Start a panel; its events arrive while it runs.

        Raises:
            NotFound: there is no such panel.
            Busy: a panel is already running.
        """
        if name not in self.panels:
            raise NotFound(f"there is no panel '{name}'; known: {', '.join(self.panels)}")
        with self._lock:
            running = self.running
            if running is not None:
                raise Busy(
                    f"busy: {running.name} has been running for {running.elapsed:.0f} s; wait "
                    "until it has finished"
                )
            if self._closed:
                raise Busy("the lesson's server is stopping")
            performance = Performance(len(self._performances) + 1, name)
            self._performances.append(performance)
        self._thread = threading.Thread(
            target=self._perform, args=(performance, options), name=name, daemon=True
        )
        self._thread.start()
        return performance

    @property
    def running(self) -> Performance | None:
        """The running panel, if any."""
        newest = self._performances[-1:]
        return newest[0] if newest and not newest[0].over else None

    def performance(self, number: int) -> Performance:
        """A performance by its number.

        Raises:
            NotFound: there is none.
        """
        if not 0 < number <= len(self._performances):
            raise NotFound(f"no performance {number}; {len(self._performances)} have been started")
        return self._performances[number - 1]

    @contextmanager
    def audience(self, rate: float = BUSY, labelled: float = 0.7) -> Iterator[Audience]:
        """A simulated audience for the length of a `with` block.

        `rate` is its maximum number of requests per second, `labelled` the share of answers that
        reviewers label.
        """
        from fullturn.demo.audience import Audience, TrafficProfile

        profile = TrafficProfile(seed=time.time_ns() % 2**31, rate=rate, labelled=labelled)
        self.warm()
        address = self.server.address()
        if self._warming is not None:
            self._warming.join()
        with Audience(address, self._pools, self.project.state, profile) as audience:
            yield audience

    def close(self) -> None:
        """Stop the running panel and the server. May be called more than once."""
        atexit.unregister(self.close)
        self._closed = True
        if self.running is not None:
            self.running.stopping.set()
        self.server.stop()
        for thread in (self._thread, self._warming):
            if thread is not None:  # native code that ends with the program may end it badly
                thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _pools(self) -> dict[str, list[Question]]:
        from fullturn.demo.example import pools

        return pools(self.project)

    def _perform(self, performance: Performance, options: Options) -> None:
        from fullturn.lesson.panels.preparing import recover

        try:
            recover(self.project, performance.emit)
            self.panels[performance.name](self, options, performance.emit)
            performance.end(None)
        except Stopped as error:
            performance.end(error)
        except Exception as error:  # noqa: BLE001  shown in the panel
            performance.end(error)


def _load() -> None:
    """Import slow modules and load the word vectors, so that no user waits for them."""
    import scipy.special  # noqa: F401

    from fullturn.subjects.vectors import word_vectors

    word_vectors()


def _words(error: BaseException) -> str:
    """The message of an error; for unexpected ones, also its type."""
    if isinstance(error, Stopped):
        return "the lesson's server was stopped"
    return str(error) if isinstance(error, FullturnError) else f"{type(error).__name__}: {error}"
