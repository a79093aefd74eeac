"""What a pipeline left behind, and the report of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import RunRecord
from fullturn.core.errors import FullturnError
from fullturn.pipeline import junit
from fullturn.pipeline import report as writer
from fullturn.pipeline.records import Delivery, Ended
from fullturn.pipeline.steps import EVALUATE, Step
from fullturn.verbs import candidate
from fullturn.verbs.ci.checkout import checkout
from fullturn.verbs.ci.reporting import gather
from fullturn.verbs.gate import find_gate
from fullturn.verbs.workspace import Workspace

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions names the file of a step's summary."""


def ended(path: Path) -> list[Ended]:
    """How each step before the report ended, from the file that its commands wrote; a line that a
    command could not write to its end is of a step that was not reached."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    whole = (json.loads(line) for line in lines if line.endswith("}"))
    known = {line["command"]: line for line in whole}
    return [_ended(step, known.get(step.command)) for step in EVALUATE if not step.always]


def _ended(step: Step, line: Mapping[str, Any] | None) -> Ended:
    if line is None:
        return Ended(step.name, step.line, None, 0.0)
    return Ended(step.name, step.line, line["exit_code"], line["seconds"], line["reason"])


def report(project: Workspace, steps: Sequence[Ended]) -> Delivery:
    """The pipeline's report, of whatever of it is on record."""
    run, gate = _on_record(project)
    return gather(project, steps, run, gate, checkout(project))


def write(delivery: Delivery, folder: Path) -> None:
    """The report as Markdown, JSON and JUnit XML, which Git ignores; in GitHub Actions the page
    is the step's summary too."""
    folder.mkdir(parents=True, exist_ok=True)
    page = writer.to_markdown(delivery)
    texts = {"report.md": page, "report.json": writer.to_json(delivery)}
    for name, text in {**texts, "junit.xml": junit.to_junit(delivery), ".gitignore": "*\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    if summary := os.environ.get(SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(page + "\n")


def _on_record(project: Workspace) -> tuple[RunRecord | None, str | None]:
    try:
        run = candidate.find(project)
        gated = find_gate(project, run) if run else None
    except FullturnError:  # the step that met it says so
        return None, None
    # The champion's own gate compared with the one before it: it decides nothing here.
    return run, gated.run if gated and gated.version is None else None
