"""The panels by name, in the order of the lesson, and a rehearsal of all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fullturn.core.errors import UsageError
from fullturn.lesson.panels import alarm, ask, canary, compare, gate, rollback, search
from fullturn.lesson.panels.events import recorded
from fullturn.lesson.panels.stage import Panel, Performance, Stage
from fullturn.verbs.workspace import Workspace

PANELS: Mapping[str, Panel] = {
    "search": search.perform,
    "compare": compare.perform,
    "gate": gate.perform,
    "canary": canary.perform,
    "alarm": alarm.perform,
    "rollback": rollback.perform,
    "ask": ask.perform,
}


def lesson_stage(project: Workspace) -> Stage:
    """A stage with all panels of the lesson."""
    return Stage(project, PANELS)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The result of one panel."""

    panel: str
    outcome: str
    """The word on its badge, or "ERROR"."""
    text: str
    seconds: float


def rehearse(stage: Stage, record: Path | None = None) -> Iterator[Rehearsed]:
    """Run every panel once and yield its result; with `record`, save its events in that folder.

    Panels that end in an error are not recorded.

    Raises:
        UsageError: the folder does not exist, or a recording is too large.
    """
    if record is not None and not record.is_dir():
        raise UsageError(f"{record} is not a folder; recordings need an existing folder")
    for name in stage.panels:
        performance = stage.start(name, {})
        while not performance.over:
            time.sleep(0.05)
        ended = _ended(performance)
        if record is not None and ended.outcome != "ERROR":
            text = recorded(performance.events, datetime.now(UTC).date().isoformat())
            (record / f"{name}.jsonl").write_text(text, encoding="utf-8")
        yield ended


def _ended(performance: Performance) -> Rehearsed:
    events = performance.events
    ending = next((e for e in reversed(events) if e["type"] in ("outcome", "error")), None)
    word, text = "ERROR", "the panel ended without an outcome"
    if ending is not None:
        text = str(ending["text"])
        word = str(ending["word"]) if ending["type"] == "outcome" else "ERROR"
    return Rehearsed(performance.name, word, text, float(events[-1]["at"]))
