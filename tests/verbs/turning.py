"""Turns in processes of their own, forked from one that has imported everything, so that each
takes about a second. It must not have used a Delta table: that cannot be forked.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import scipy.signal
import scipy.stats

import fullturn.data.versions
import fullturn.gates.report
import fullturn.store
import fullturn.verbs.gate
from fullturn.core.errors import FullturnError
from fullturn.verbs.turn import LoopRunner
from fullturn.verbs.workspace import Workspace

LOADED = (
    fullturn.data.versions,
    fullturn.gates.report,
    fullturn.verbs.gate,
    fullturn.store,
    mlflow.store.model_registry.sqlalchemy_store,
    mlflow.store.tracking.sqlalchemy_store,
    scipy.signal,
    scipy.stats,
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def turning(root: Path, steps: int | None = None) -> ForkServerProcess:
    """A process that turns a project once; after so many steps, if told, it kills itself."""
    process = _FORKS.Process(target=_turn, args=(root, steps), daemon=True)
    process.start()
    return process


def ended(root: Path) -> int:
    """Turn a project once, in a process of its own; its exit status."""
    process = turning(root)
    process.join(120)
    return -1 if process.exitcode is None else process.exitcode


def _turn(root: Path, steps: int | None) -> None:
    try:
        for number, _ in enumerate(LoopRunner(Workspace.open(root)).turn(), 1):
            if number == steps:
                os.kill(os.getpid(), signal.SIGKILL)
    except FullturnError as error:
        sys.exit(f"{type(error).__name__}: {error}")
