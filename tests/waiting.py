"""Wait for what will happen, not for a time: a busy machine is late, and no test fails for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 240.0
"""Seconds after which something that should have happened never will."""


def wait_until(what: str, condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Ask again and again until the answer is true; returns that answer."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} seconds for {what}"
        time.sleep(0.01)
    return answer


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
