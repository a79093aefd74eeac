"""Rehearse all panels without a browser, and record them for replay in the browser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from fullturn.core.errors import UsageError
from fullturn.lesson.panels.events import Event
from fullturn.lesson.panels.stage import Performance, Stage

RECORDED = Path(__file__).with_name("recorded")
"""Folder of the recordings shipped with the lesson."""
LARGEST = 100_000
"""Maximum size of a recording, in bytes."""
ORDER = ("search", "compare", "gate", "canary", "alarm", "rollback", "ask")


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
    for name in ORDER:
        performance = stage.start(name, {})
        while not performance.over:
            time.sleep(0.05)
        ended = _ended(performance)
        if record is not None and ended.outcome != "ERROR":
            text = recorded(performance.events, datetime.now(UTC).date().isoformat())
            (record / f"{name}.jsonl").write_text(text, encoding="utf-8")
        yield ended


def recorded(events: Sequence[Event], date: str) -> str:
    """A recording: its date, then the events, thinned until it is small enough.

    Raises:
        UsageError: it is still too large.
    """
    keep = 1
    while True:
        lines = [{"type": "recorded", "date": date, "at": 0.0}, *_thinned(events, keep)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        if len(text.encode()) <= LARGEST:
            return text
        if keep > 2**12:
            raise UsageError(
                f"the recording has {len(text.encode())} bytes; the maximum is {LARGEST}"
            )
        keep *= 2


def replays() -> dict[str, list[Event]]:
    """The recordings shipped with the lesson, by panel."""
    folder = files("fullturn.lesson.panels").joinpath("recorded")
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".jsonl")),
                   key=lambda one: one.name)  # fmt: skip
    return {
        one.name.removesuffix(".jsonl"): [
            json.loads(line) for line in one.read_text(encoding="utf-8").splitlines()
        ]
        for one in found
    }


def _thinned(events: Sequence[Event], keep: int) -> Iterator[Event]:
    """Every `keep`-th point of each curve and state of each table, and always the last."""
    last = {_curve(event): number for number, event in enumerate(events)}
    seen: dict[object, int] = {}
    for number, event in enumerate(events):
        curve = _curve(event)
        if curve is None:
            yield event
            continue
        seen[curve] = seen.get(curve, -1) + 1
        if seen[curve] % keep == 0 or last[curve] == number:
            yield event


def _curve(event: Event) -> tuple[str, str] | None:
    """The curve or table that an event belongs to; None for other events."""
    if event["type"] == "point" and "low" not in event:
        return str(event["plot"]), str(event["series"])
    return ("table", str(event["id"])) if event["type"] == "table" else None


def _ended(performance: Performance) -> Rehearsed:
    events = performance.events
    ending = next((e for e in reversed(events) if e["type"] in ("outcome", "error")), None)
    word, text = "ERROR", "the panel ended without an outcome"
    if ending is not None:
        text = str(ending["text"])
        word = str(ending["word"]) if ending["type"] == "outcome" else "ERROR"
    return Rehearsed(performance.name, word, text, float(events[-1]["at"]))
