"""The program uv, which installs and locks packages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def executable() -> str | None:
    """The one beside this Python, or on the path; None if it is not installed."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")
