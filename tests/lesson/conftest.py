"""One lesson's project for all tests of the lesson, made once and copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fullturn.lesson.panels.preparing import prepare
from tests.projects import Once, copied

CANDIDATES = {"learned search, quoting": {}, "fewer passages": {"passages": 1}}
"""Without the one that takes an LLM, which takes its time."""


@pytest.fixture(scope="session")
def lesson(once: Once) -> Callable[[Path], Path]:
    """Puts a copy of a prepared lesson's project into a folder that is not there yet."""
    made = once.folder("lesson", lambda folder: prepare(folder, candidates=CANDIDATES))
    return lambda folder: copied(made, folder)
