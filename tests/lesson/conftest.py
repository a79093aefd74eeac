"""One lesson's project for all tests of the lesson, made once and copied."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fullturn.lesson.panels.preparing import prepare
from tests.verbs.conftest import moved

CANDIDATES = {"learned search, quoting": {}, "fewer passages": {"passages": 1}}
"""Without the one that takes an LLM, which takes its time."""


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Puts a copy of a prepared lesson's project into a folder that is not there yet."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    place = tmp_path_factory.getbasetemp().parent / f"lesson-{session}"
    place.mkdir(exist_ok=True)
    made = place / "project"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            prepare(made, candidates=CANDIDATES)
            (place / "done").touch()
    return lambda folder: moved(made, folder)
