"""The report of a pipeline, of whatever it left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import RunRecord
from fullturn.core.errors import FullturnError
from fullturn.core.showing import Block, Result, Style, line, styled, view
from fullturn.pipeline import junit
from fullturn.pipeline import report as writer
from fullturn.pipeline.records import Delivery, Ended
from fullturn.pipeline.steps import EVALUATE, REPORT, STEPS_FILE, Step
from fullturn.verbs import candidate
from fullturn.verbs.ci.checkout import checkout
from fullturn.verbs.ci.reporting import gather
from fullturn.verbs.gate import find_gate
from fullturn.verbs.workspace import Workspace

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions names the file of a step's summary."""


@dataclass(frozen=True, slots=True)
class Reported(Result):
    """A report, and the folder that it was written into."""

    delivery: Delivery
    folder: str

    def to_dict(self) -> Any:
        """Verdict, reason and folder."""
        found = self.delivery
        return {"verdict": found.verdict, "reason": found.reason, "folder": self.folder}


def report(project: Workspace, output: str | Path | None = None) -> Reported:
    """Write the report of the pipeline: Markdown, JSON and JUnit XML.

    `output` is the folder, by default `ci-report`; in GitHub Actions the report is also written to
    the step summary. Missing evidence is left out, and damaged evidence is reported as a warning.
    """
    run, gate = _on_record(project)
    delivery = gather(project, _ends(steps_file(project)), run, gate, checkout(project))
    folder = Path(output) if output else project.root / REPORT
    _write(delivery, folder)
    return Reported(delivery, str(folder))


def steps_file(project: Workspace) -> Path:
    """Where the commands of a pipeline say how they ended."""
    named = os.environ.get(STEPS_FILE)
    return project.root / named if named else project.state / "ci-steps.jsonl"


def _ends(path: Path) -> list[Ended]:
    """How each step before the report ended, from the file that its commands wrote; a line that a
    command could not write to its end is of a step that was not reached."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    whole = (json.loads(text) for text in lines if text.endswith("}"))
    known = {entry["command"]: entry for entry in whole}
    return [_ended(step, known.get(step.command)) for step in EVALUATE if not step.always]


def _ended(step: Step, entry: Mapping[str, Any] | None) -> Ended:
    if entry is None:
        return Ended(step.name, step.line, None, 0.0)
    return Ended(step.name, step.line, entry["exit_code"], entry["seconds"], entry["reason"])


def _write(delivery: Delivery, folder: Path) -> None:
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


@view.register
def _(result: Reported) -> Iterator[Block]:
    found = result.delivery
    for warning in found.warnings:
        yield line(styled(f"! {warning}", "bold", "open"))
    style = _STYLES.get(found.verdict, "open")
    yield line(styled(found.verdict.lower().replace("_", " "), "bold", style), f" {found.reason}")
    yield line(f"{result.folder}: report.md, report.json, junit.xml")


_STYLES: Mapping[str, Style] = {"PASSED": "good", "FAILED": "bad"}
