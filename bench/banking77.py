"""The built-in classifier on Banking77, beside the published accuracy of fine-tuned encoders.

    python bench/banking77.py FOLDER

FOLDER holds train.csv and test.csv (columns text, category; Casanueva et al., Efficient Intent
Detection with Dual Sentence Encoders, 2020). It goes the way of a user: `fullturn init`, then
`fullturn turn`; the accuracy is the gate's, on test.csv.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from fullturn.core.entities import CheckResult
from fullturn.core.records import REPORTS
from fullturn.gates.report import from_json
from fullturn.statistics.intervals import wilson
from fullturn.verbs import init
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace, load

PUBLISHED = 0.93
"""BERT-like encoders, fine-tuned on all training rows: 0.93 to 0.94."""


def measure(folder: Path, project: Path) -> dict[str, float]:
    """Accuracy, its interval, and seconds of the champion's training and of the whole turn."""
    init.from_csv(project, folder / "train.csv", "text", "category", folder / "test.csv")
    opened = Workspace.open(project)
    began = time.perf_counter()
    for step in turn(opened):
        print(f"{step.stage}: {step.what}", flush=True)
    seconds = time.perf_counter() - began
    [gate] = opened.store.runs("gate")
    report = from_json(opened.store.get(gate.id, REPORTS[0]).read_text(encoding="utf-8"))
    accuracy = _accuracy(report.results)
    trained = opened.store.run(report.subject)
    rows = load(opened).version.splits["test"]
    right = wilson(round(accuracy * rows), rows)
    return {
        "accuracy": accuracy, "low": right.low, "high": right.high,
        "training": trained.duration or 0.0, "turn": seconds,
    }  # fmt: skip


def _accuracy(results: tuple[CheckResult, ...]) -> float:
    found = next(result for result in results if result.code == "EVAL02")
    return float(found.figures["candidate"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(arguments.folder, Path(temporary) / "banking77")
    if arguments.json:
        print(json.dumps(found))
        return
    ratio = found["accuracy"] / PUBLISHED
    print(f"accuracy   {found['accuracy']:.4f}  [{found['low']:.4f}, {found['high']:.4f}] at 95 %")
    print(f"published  {PUBLISHED:.4f}  ratio {ratio:.4f}")
    print(f"training   {found['training']:.1f} s; the whole turn {found['turn']:.1f} s")


if __name__ == "__main__":
    main()
