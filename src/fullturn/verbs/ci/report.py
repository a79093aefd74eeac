"""The report of a pipeline: its verdict, and the files that it is written to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullturn.core.entities import RunRecord
from fullturn.core.errors import FullturnError
from fullturn.core.redaction import redacted_values
from fullturn.core.showing import Block, Result, Style, line, styled, view
from fullturn.gates import advice
from fullturn.pipeline import report as writer
from fullturn.pipeline.records import Checkout, Delivery, StepResult, Verdict
from fullturn.pipeline.steps import EVALUATE, REPORT, STEPS_FILE, Step
from fullturn.verbs.ci import changes
from fullturn.verbs.ci.changes import ComparedRuns
from fullturn.verbs.ci.checkout import checkout
from fullturn.verbs.ci.collector import ReportCollector
from fullturn.verbs.gate import find_gate
from fullturn.verbs.parts import candidate
from fullturn.verbs.workspace import Workspace

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub Actions names the file of a step's summary."""
_BY_CODE: Mapping[int, Verdict] = {1: "FAILED", 3: "INCONCLUSIVE"}
_REQUIRED = {step.name for step in EVALUATE if not step.always}
_ALWAYS = {step.name for step in EVALUATE if step.always}
"""The report itself: it is no step that was not reached."""


@dataclass(frozen=True, slots=True)
class Reported(Result):
    """A report, and the folder that it was written to."""

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
    run, gate = _find_candidate(project)
    delivery = collect(project, _read_steps(steps_file(project)), run, gate, checkout(project))
    folder = Path(output) if output else project.root / REPORT
    _write(delivery, folder)
    return Reported(delivery, str(folder))


def collect(
    project: Workspace,
    ended: Sequence[StepResult],
    candidate: RunRecord | None,
    gate_run: str | None,
    checkout: Checkout,
) -> Delivery:
    """The content of the report on a candidate, whose valid gate is the run `gate_run`.

    Missing evidence is left out, and damaged evidence becomes a warning. If the tracking server or
    the app is unavailable, the report has only the steps.
    """
    bare = _bare(project, tuple(ended), checkout)
    try:
        delivery = ReportCollector(project, candidate, gate_run).complete(bare)
    except FullturnError as error:
        verdict, reason = _of_steps(bare.steps) or ("COULD_NOT_EVALUATE", str(error))
        return replace(bare, verdict=verdict, reason=reason)
    verdict, reason = _verdict(delivery)
    return replace(delivery, verdict=verdict, reason=reason)


def steps_file(project: Workspace) -> Path:
    """The file to which the commands of a pipeline write how they ended."""
    named = os.environ.get(STEPS_FILE)
    return project.root / named if named else project.state / "ci-steps.jsonl"


def _read_steps(path: Path) -> list[StepResult]:
    """How each step before the report ended; a line that is cut short counts as not reached."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    complete = (json.loads(text) for text in lines if text.endswith("}"))
    known = {entry["command"]: entry for entry in complete}
    return [_ended(step, known.get(step.command)) for step in EVALUATE if not step.always]


def _ended(step: Step, entry: Mapping[str, Any] | None) -> StepResult:
    if entry is None:
        return StepResult(step.name, step.line, None, 0.0)
    return StepResult(step.name, step.line, entry["exit_code"], entry["seconds"], entry["reason"])


def _write(delivery: Delivery, folder: Path) -> None:
    """Write Markdown, JSON and JUnit XML, ignored by Git; on GitHub also the step's summary.

    Secrets are masked before they are marked up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    delivery = redacted_values(delivery)
    page = writer.to_markdown(delivery)
    texts = {"report.md": page, "report.json": writer.to_json(delivery)}
    for name, text in {
        **texts,
        "junit.xml": writer.to_junit(delivery),
        ".gitignore": "*\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    if summary := os.environ.get(SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(page + "\n")


def _find_candidate(project: Workspace) -> tuple[RunRecord | None, str | None]:
    """The checkout's candidate and its gate's run, as far as they are stored."""
    try:
        run = candidate.find(project)
        gated = find_gate(project, run) if run else None
    except FullturnError:  # the step that raised it reports it
        return None, None
    # The champion's own gate compared with the one before it: it decides nothing here.
    return run, gated.run if gated and gated.version is None else None


def _bare(project: Workspace, ended: tuple[StepResult, ...], checkout: Checkout) -> Delivery:
    return Delivery(
        project=project.settings.name,
        verdict="COULD_NOT_EVALUATE",
        reason="",
        checkout=checkout,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        steps=tuple(one for one in ended if one.exit_code is not None or one.name not in _ALWAYS),
        warnings=tuple(changes.code_warnings(checkout, ComparedRuns(None, None, None))),
    )


def _verdict(delivery: Delivery) -> tuple[Verdict, str]:
    """From the first step that failed, otherwise from the gate."""
    gate, stopped = delivery.gate, _of_steps(delivery.steps)
    if stopped is not None:
        by_gate = _first_failed(delivery.steps) == "gate" and gate and gate.outcome == stopped[0]
        return (stopped[0], advice.why(gate)) if by_gate and gate else stopped
    if gate is not None and not (delivery.unchanged and gate.outcome == "PASSED"):
        return gate.outcome, advice.why(gate)
    if delivery.unchanged and delivery.champion:
        return "PASSED", (
            f"The candidate is the champion's own run ({delivery.champion.name}): code, data, "
            "environment and parameters are the same, so nothing was trained or compared."
        )
    return "COULD_NOT_EVALUATE", "This candidate has no gate report: run `fullturn ci`."


def _first_failed(steps: Sequence[StepResult]) -> str | None:
    return next((step.name for step in steps if step.exit_code), None)


def _of_steps(steps: Sequence[StepResult]) -> tuple[Verdict, str] | None:
    """The verdict of the first step that failed or was not reached; None if all are done."""
    for step in steps:
        if step.exit_code:
            verdict = _BY_CODE.get(step.exit_code, "COULD_NOT_EVALUATE")
            why = step.reason or f"it ended with exit code {step.exit_code}"
            return verdict, f"Step '{step.name}' stopped the pipeline: {why}"
        if step.exit_code is None and step.name in _REQUIRED:
            return "COULD_NOT_EVALUATE", f"Step '{step.name}' was not reached: run `fullturn ci`."
    return None


@view.register
def _(result: Reported) -> Iterator[Block]:
    found = result.delivery
    for warning in found.warnings:
        yield line(styled(f"! {warning}", "bold", "open"))
    style = _STYLES.get(found.verdict, "open")
    yield line(styled(found.verdict.lower().replace("_", " "), "bold", style), f" {found.reason}")
    yield line(f"{result.folder}: report.md, report.json, junit.xml")


_STYLES: Mapping[str, Style] = {"PASSED": "good", "FAILED": "bad"}
