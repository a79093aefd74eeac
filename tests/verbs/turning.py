"""Turns in processes of their own, which may be killed at a step or at any moment."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from fullturn.core.errors import FullturnError
from fullturn.verbs.turn import LoopRunner
from fullturn.verbs.workspace import Workspace
from tests.forks import FORKS
from tests.waiting import PATIENCE


def turning(
    root: Path, *, steps: int | None = None, moment: int | None = None
) -> ForkServerProcess:
    """A process that turns a project once, and kills itself after so many steps of the turn or
    moments of the interpreter (events that it lets be audited: a file opened, an object made)."""
    process = FORKS.Process(target=_turn, args=(root, steps, moment), daemon=True)
    process.start()
    return process


def ended(root: Path) -> int:
    """Turn a project once, in a process of its own; its exit status."""
    process = turning(root)
    process.join(PATIENCE)
    return -1 if process.exitcode is None else process.exitcode


def counted(root: Path) -> int:
    """Turn a project once; how many moments that has."""
    counts = FORKS.SimpleQueue()
    process = FORKS.Process(target=_count, args=(root, counts), daemon=True)
    process.start()
    moments: int = counts.get()
    process.join(PATIENCE)
    return moments


def _count(root: Path, counts: SimpleQueue[int]) -> None:
    seen = itertools.count()
    sys.addaudithook(lambda event, args: next(seen) and None)
    for _ in LoopRunner(Workspace.open(root)).turn():
        pass
    counts.put(next(seen))


def _kill_at(moment: int) -> None:
    seen = itertools.count(1)

    def hook(event: str, args: tuple[object, ...]) -> None:
        if next(seen) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _turn(root: Path, steps: int | None, moment: int | None) -> None:
    if moment:
        _kill_at(moment)
    try:
        for number, _ in enumerate(LoopRunner(Workspace.open(root)).turn(), 1):
            if number == steps:
                os.kill(os.getpid(), signal.SIGKILL)
    except FullturnError as error:
        sys.exit(f"{type(error).__name__}: {error}")
