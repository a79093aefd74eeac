"""What monitoring saw the last time, in a file: the server reports it to Prometheus."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "monitoring.json"


@dataclass(frozen=True, slots=True)
class Monitored:
    """The figures of one version, since its promotion."""

    version: int
    requests: int
    labelled: int
    loss: float | None
    """Mean of the newest labelled answers; None without any."""
    alarms: Mapping[str, int]
    """By detector."""
    shares: Mapping[str, float]
    """By detector, how much of the way to an alarm it has gone, 0 to 1."""
    unseen: Mapping[str, int] = field(default_factory=dict)
    """By column, requests with a category that training never had."""
    time: float = field(default_factory=time.time)
    """Seconds since 1970."""

    def write(self, state: Path) -> None:
        """Replace the file; a full disk leaves the old one."""
        path, draft = state / FILE, state / f"{FILE}.new"
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
            draft.replace(path)


def read(state: Path) -> Monitored | None:
    """What was written last; None if nothing was, or something else."""
    try:
        return Monitored(**json.loads((state / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
