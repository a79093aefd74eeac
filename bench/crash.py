"""Predictions and feedback that were acknowledged and lost, over 50 kills of the server.

    python bench/crash.py [-n 50] [--json] [--keep]

`fullturn serve` is killed by SIGKILL at a random moment under load, and started again on the same
project; clients note every id that came with an answer, and every feedback that was accepted. At
the end each of them is looked up in the prediction log.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from fullturn.serving import log
from results import save, typed
from served import Row, rows, serving, wine_project

CLIENTS = 8
JUDGED = 4
"""Every so many answers get feedback."""


class Notes:
    """What the server acknowledged to clients."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.judged: list[str] = []


def ask(address: str, wines: list[Row], notes: Notes) -> None:
    """Ask until the server is gone."""
    with httpx.Client(base_url=address, timeout=10, trust_env=False) as client:
        try:
            for number, wine in enumerate(wines * 1000):
                answer = client.post("/predict", json={"inputs": [wine]})
                [one] = answer.raise_for_status().json()["ids"]
                notes.answered.append(one)
                if number % JUDGED == 0:
                    said = {"id": one, "expected": {"cultivar": "one"}, "source": "bench"}
                    client.post("/feedback", json=said).raise_for_status()
                    notes.judged.append(one)
        except httpx.TransportError:
            return


def measure(root: Path, kills: int) -> dict[str, Any]:
    project = wine_project(root / "wine", "wine_app:WineApp")
    wines, notes, source = rows(project), Notes(), random.Random(0)
    for _ in range(kills):
        with serving(project) as (address, process):
            clients = [
                threading.Thread(target=ask, args=(address, wines, notes)) for _ in range(CLIENTS)
            ]
            for client in clients:
                client.start()
            time.sleep(source.uniform(0.1, 1.5))
            os.kill(process.pid, signal.SIGKILL)
            for client in clients:
                client.join()
    stored = [one.id for one in log.predictions(project.state)]
    judged = {one.prediction for one in log.feedback(project.state)}
    return {
        "kills": kills,
        "answered": len(notes.answered),
        "lost": len(set(notes.answered) - set(stored)),
        "twice": len(stored) - len(set(stored)),
        "feedback": len(notes.judged),
        "feedback_lost": len(set(notes.judged) - judged),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", type=int, default=50, help="how many kills")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure(Path(folder), arguments.n)
    if arguments.keep:
        save("crash", typed(), found)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"kills: {found['kills']}")
    print(f"predictions: {found['answered']:,} acknowledged, {found['lost']} lost, "
          f"{found['twice']} stored twice")  # fmt: skip
    print(f"feedback: {found['feedback']:,} acknowledged, {found['feedback_lost']} lost")


if __name__ == "__main__":
    main()
