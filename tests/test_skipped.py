"""A run of tests ends with a line that says what was left out, and how to have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PYTHONPATH
from tests.waiting import PATIENCE

SKIPPING = """
import pytest
from tests.needs import POSTGRESQL, without

@pytest.mark.parametrize("number", range(3))
def test_of_postgresql(number):
    without(POSTGRESQL)

@pytest.mark.skip("not today")
def test_of_another_reason():
    pass

def test_that_runs():
    pass
"""


def last_line(folder: Path, content: str, **environment: str) -> tuple[int, str]:
    (folder / "test_here.py").write_text(content)
    words = ["pytest", "-q", "-p", "tests.skipped", "-p", "no:cacheprovider", "test_here.py"]
    known = {name: value for name, value in os.environ.items() if name != "CI"}
    ended = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder, env={**known, "PYTHONPATH": PYTHONPATH, **environment},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout.splitlines()[-1]


def test_the_last_line_says_what_was_skipped_and_how_to_have_it(tmp_path: Path) -> None:
    code, line = last_line(tmp_path, SKIPPING)
    assert code == 0
    assert line == (
        "skipped 3 tests: needs PostgreSQL: apt-get install postgresql; 1 test: not today"
    )


def test_ci_has_everything(tmp_path: Path) -> None:
    assert last_line(tmp_path, SKIPPING, CI="true")[0] == 1


def test_nothing_is_said_when_nothing_was_skipped(tmp_path: Path) -> None:
    code, line = last_line(tmp_path, "def test_that_runs():\n    pass\n")
    assert code == 0 and "skipped" not in line and "1 passed" in line
