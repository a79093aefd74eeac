"""Hot swaps under load: the champion changes 1,000 times while requests flow; how many fail?

    python bench/swap.py [--quick] [--json] [--keep]

Three versions of the wine example take turns as champion, so that each swap loads a version,
probes it, switches to it and unloads another. The server is `fullturn serve`, which follows the
registry; 16 connections send one row a request, the next when the last is answered.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from fullturn.verbs.workspace import Workspace
from results import save, typed
from served import load, result, rows, serving, start_load, wine_project, write_bodies

CONNECTIONS = 16
VERSIONS = 3
MOST_SECONDS = 400.0


def swaps(address: str) -> int:
    with urllib.request.urlopen(f"{address}/status", timeout=30) as answer:
        return int(json.load(answer)["swaps"])


def measure(folder: Path, wanted: int) -> dict[str, Any]:
    project = wine_project(folder / "wine", "wine_app:WineApp", count=VERSIONS, poll=0.01)
    bodies = write_bodies(folder / "bodies.jsonl", [{"inputs": [row]} for row in rows(project)])
    with serving(project) as (address, _):
        calm = load(f"{address}/predict", bodies, CONNECTIONS, 3.0)
        seconds = max(5.0, wanted * MOST_SECONDS / 1000)
        loading = start_load(f"{address}/predict", bodies, CONNECTIONS, seconds)
        started = time.monotonic()
        done = swap(project, address, wanted, loading)
        took = time.monotonic() - started
        loading.terminate()
        busy = result(loading)
    return {"swaps": done, "seconds": took, "calm": calm, "busy": busy}


def swap(project: Workspace, address: str, wanted: int, loading: subprocess.Popen[str]) -> int:
    """Move the alias until the server has followed so often; how often it has."""
    store, moves = project.store, 1
    while loading.poll() is None:
        seen = swaps(address)
        if seen >= wanted:
            return seen
        if seen >= moves - 1:
            store.set_alias(store.name, "champion", moves % VERSIONS + 1)
            moves += 1
        time.sleep(0.005)
    return swaps(address)


def lines(found: dict[str, Any]) -> list[str]:
    calm, busy = found["calm"], found["busy"]
    failed = sum(busy["failed"].values())
    return [
        f"swaps: {found['swaps']:,} in {found['seconds']:.0f} s under load",
        f"requests answered meanwhile: {busy['answered']:,}",
        f"failed: {failed} {busy['failed'] or ''}".rstrip(),
        f"p50 / p99: {busy['p50_ms']:.1f} / {busy['p99_ms']:.1f} ms, "
        f"without swaps {calm['p50_ms']:.1f} / {calm['p99_ms']:.1f} ms",
    ]


def cited(found: dict[str, Any]) -> dict[str, float]:
    """What the lesson shows."""
    busy = found["busy"]
    return {
        "swaps": found["swaps"],
        "answered": busy["answered"],
        "failed": sum(busy["failed"].values()),
        "p99_ms": round(busy["p99_ms"], 1),
        "p99_ms.calm": round(found["calm"]["p99_ms"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="50 swaps")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure(Path(folder), 50 if arguments.quick else 1000)
    if arguments.keep:
        save("swap", typed(), cited(found))
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines(found)))


if __name__ == "__main__":
    main()
