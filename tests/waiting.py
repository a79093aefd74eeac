"""Wait for what will happen, not for a time: a busy machine is late, and no test fails for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds after which something that should have happened never will."""


def until(seen: Callable[[], T], what: str = "it", seconds: float = PATIENCE) -> T:
    """Ask again and again until the answer is true; returns that answer."""
    deadline = time.monotonic() + seconds
    while not (answer := seen()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} seconds"
        time.sleep(0.01)
    return answer
