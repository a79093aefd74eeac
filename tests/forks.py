"""Processes of their own that begin in a moment: forked from one that has imported everything.

That one must not use what cannot be forked: a Delta table, an event loop, an open database.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

FORKS = multiprocessing.get_context("forkserver")
LOADED = """
    mlflow.pyfunc mlflow.store.model_registry.sqlalchemy_store
    mlflow.store.tracking.sqlalchemy_store
    pandas pyarrow.dataset scipy.signal scipy.stats skops.io sklearn.linear_model
    fullturn.cli.commands fullturn.data.similar fullturn.data.versions fullturn.gates.report
    fullturn.release.state fullturn.store.client fullturn.verbs.gate fullturn.verbs.serve
    fullturn.verbs.turn
    tests.verbs.toy
""".split()
"""What takes long to import."""
FORKS.set_forkserver_preload(["pytest", *LOADED])


@contextmanager
def forked(
    work: Callable[..., object], *args: Any
) -> Iterator[tuple[Connection, ForkServerProcess]]:
    """A process that calls `work(connection, *args)`; it is killed in the end."""
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=work, args=(theirs, *args), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, process
    finally:
        process.kill()
        process.join()
        ours.close()


class Command:
    """A command of fullturn at work, and what it writes to stdout and stderr."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._files = os.memfd_create("out"), os.memfd_create("err")
        weakref.finalize(self, lambda files: [*map(os.close, files)], self._files)
        places = [f"/proc/{os.getpid()}/fd/{file}" for file in self._files]
        self.process = FORKS.Process(
            target=_run, args=(list(words), dict(environment), places), daemon=True
        )
        self.process.start()

    def ended(self) -> int:
        """Wait for its end; its exit code, or a negative number if a signal ended it."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, f"waited {PATIENCE:g} seconds for a command, which said {self.err}"
        return code

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()

    @property
    def out(self) -> str:
        """What it wrote to stdout, until now."""
        return Path(f"/proc/self/fd/{self._files[0]}").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it wrote to stderr, until now."""
        return Path(f"/proc/self/fd/{self._files[1]}").read_text(encoding="utf-8")


def command(root: Path, *words: str, **environment: str) -> Command:
    """Start `fullturn -C ROOT WORDS…`, with this environment and more variables."""
    return Command(["-C", str(root), *words], {**os.environ, **environment})


def _run(words: list[str], environment: dict[str, str], places: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for place, file in zip(places, (sys.stdout, sys.stderr), strict=True):
        opened = os.open(place, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, file.fileno())
        os.close(opened)
    from fullturn.cli import main

    main(words)
