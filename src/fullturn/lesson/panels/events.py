"""The events of a panel: small JSON objects, the same live, recorded and in the browser.

Recordings for replay are files of events, one a line, in the folder `recorded`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from fullturn.core.errors import UsageError

Event = Mapping[str, Any]
"""Has a `type`; a performance adds `at`, the seconds since its start."""
Emit = Callable[[Event], None]
"""Accepts the next event; raises if the panel has to stop."""
Options = Mapping[str, str]
"""The options chosen before the start, by name."""


class Interval(Protocol):
    """An estimate with its interval."""

    @property
    def estimate(self) -> float:
        """Point estimate."""

    @property
    def low(self) -> float:
        """Lower bound."""

    @property
    def high(self) -> float:
        """Upper bound."""


def say(text: str) -> Event:
    """A line for the log."""
    return {"type": "say", "text": text}


def table(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
) -> Event:
    """A table; replaces the one of the same name. A column '>x' is right-aligned."""
    return {"type": "table", "id": name, "title": title, "columns": list(columns),
            "rows": [list(row) for row in rows]}  # fmt: skip


def point(plot: str, series: str, x: float, y: float) -> Event:
    """The next point of a curve."""
    return {"type": "point", "plot": plot, "series": series, "x": _short(x), "y": _short(y)}


def interval(plot: str, label: str, place: int, found: Interval, series: str = "") -> Event:
    """A point with an interval on its own line; `place` is the line number from the top."""
    estimate = {**point(plot, series or label, place, found.estimate), "label": label}
    return {**estimate, "low": _short(found.low), "high": _short(found.high)}


def line(plot: str, y: float, label: str, *, log: bool = False) -> Event:
    """A threshold; `log` makes the axis logarithmic."""
    return {"type": "line", "plot": plot, "y": y, "label": label, "log": log}


def mark(plot: str, x: float, label: str) -> Event:
    """A marked moment in a plot."""
    return {"type": "mark", "plot": plot, "x": _short(x), "label": label}


def axis(plot: str, title: str, x: str) -> Event:
    """The title of a plot and of its x axis."""
    return {"type": "axis", "plot": plot, "title": title, "x": x}


def outcome(word: str, text: str) -> Event:
    """The outcome: a word for the badge and a sentence."""
    return {"type": "outcome", "word": word, "text": text}


def error(text: str) -> Event:
    """An error message."""
    return {"type": "error", "text": text}


def done() -> Event:
    """The last event."""
    return {"type": "done"}


def shorter(text: str, most: int) -> str:
    """Text on one line, truncated between words to `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"


def _short(value: float) -> float:
    """Six digits are enough for a plot."""
    return float(f"{min(max(value, -1e300), 1e300):.6g}")


RECORDED = Path(__file__).with_name("recorded")
"""Folder of the recordings shipped with the lesson."""
LARGEST = 100_000
"""Maximum size of a recording, in bytes."""


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
