"""Lock a new project's requirements: every package at one version, with its hashes.

uv resolves `requirements.in` for every platform into `requirements.txt`; pip and uv then refuse a
file whose content differs. No address is written: a runner takes packages from its own index.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fullturn.core import uv
from fullturn.core.redaction import redacted

SOURCE, LOCKED = "requirements.in", "requirements.txt"
SECONDS = 120
COMMAND = (
    *("pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--quiet", SOURCE, "--output-file", LOCKED),
)
"""As a person types it after `uv`, in the project."""


def can_be_locked(line: str) -> bool:
    """Whether a requirement has a hash: one of an index, or of a wheel in the project, has."""
    return " @ " not in line


def is_locked(folder: Path) -> bool:
    """Whether the requirements of a project have hashes, so that an install may demand them."""
    path = folder / LOCKED
    return path.is_file() and "--hash=" in path.read_text(encoding="utf-8", errors="replace")


def lock(folder: Path) -> str:
    """Write `requirements.txt` from `requirements.in`; returns why not, empty if it is done.

    Without uv, or without an index that answers, nothing is written.
    """
    program = uv.executable()
    if program is None:
        return "uv is not installed"
    environment = {"UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "1", **os.environ}
    environment |= {"UV_CUSTOM_COMPILE_COMMAND": f"uv {' '.join(COMMAND)}"}
    try:
        ended = subprocess.run(
            [program, *COMMAND],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"uv took more than {SECONDS} s"
    if not ended.returncode:
        return ""
    (folder / LOCKED).unlink(missing_ok=True)
    return f"uv: {redacted(' '.join(ended.stderr.split()))[:200]}"
