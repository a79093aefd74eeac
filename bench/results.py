"""Results that the lesson shows: one JSON file each, with the date, the machine and the command."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fullturn

RESULTS = Path(fullturn.__file__).parent / "lesson" / "results"
Figure = int | float | str
Points = Sequence[Sequence[float]]


def save(
    name: str,
    command: str,
    figures: Mapping[str, Figure],
    series: Mapping[str, Points] | None = None,
) -> Path:
    """Write `figures` as the result `name`; returns the file.

    `command` is what makes it again, as typed in the checkout. `series` are points of a plot.
    """
    body = {
        "name": name,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "figures": dict(figures),
    }
    if series:
        body["series"] = {key: [list(point) for point in points] for key, points in series.items()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(_dumped(body), encoding="utf-8")
    print(f"saved as {path.relative_to(RESULTS.parents[3])}", file=sys.stderr)
    return path


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Replace what a page has from the mark `begin` to the mark `end`; `text` includes both."""
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(before + text + rest.split(end)[1], encoding="utf-8")


def read(name: str) -> dict[str, Any]:
    """The result `name` as `save` wrote it."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def typed() -> str:
    """This process, as a person types it in the checkout."""
    script, *words = sys.argv
    return shlex.join(["python", f"bench/{Path(script).name}", *words])


def machine() -> str:
    """Cores, processor and Python, in words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _dumped(body: Mapping[str, object]) -> str:
    """Indented, but a point of a series on one line."""
    series = body.get("series")
    text = json.dumps({**body, "series": "@"} if series else body, indent=2, ensure_ascii=False)
    if isinstance(series, dict):
        rows = ",\n".join(f'    "{key}": {json.dumps(points)}' for key, points in series.items())
        text = text.replace('"@"', f"{{\n{rows}\n  }}")
    return text + "\n"
