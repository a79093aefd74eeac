"""What some tests need that not every machine has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = "Chromium: apt-get install chromium"
POSTGRESQL = "PostgreSQL: apt-get install postgresql"
NODE = "Node and npm: apt-get install nodejs npm"
PROMTOOL = "promtool: scripts/programs.sh promtool"
LOGINS = "Flask-WTF, for MLflow's logins: pip install flask-wtf"
MOUNTING = "the right to mount a file system: run them as root, on Linux"


def without(need: str) -> NoReturn:
    """Skip the test, or fail it in CI, which has everything."""
    if os.environ.get("CI"):
        pytest.fail(f"needs {need}")
    pytest.skip(f"needs {need}")


@contextmanager
def mounted(folder: Path, option: str) -> Iterator[Path]:
    """A file system in memory: `size=2m` is full after two megabytes, `nr_inodes=9` by files."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"needs {MOUNTING}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
