"""What a panel tells: small JSON objects, the same live, in a recording and in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]
"""Has a `type`; a performance adds `at`, the seconds since it began."""
Tell = Callable[[Event], None]
"""Takes the next event. It raises if the panel is to stop."""
Options = Mapping[str, str]
"""What a person chose before the start, by name."""


def say(text: str) -> Event:
    """A line for the log."""
    return {"type": "say", "text": text}


def table(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
) -> Event:
    """A table, which replaces the one of the same name. A column '>x' is aligned to the right."""
    return {"type": "table", "id": name, "title": title, "columns": list(columns),
            "rows": [list(row) for row in rows]}  # fmt: skip


def point(
    plot: str, series: str, x: float, y: float, interval: tuple[float, float] | None = None
) -> Event:
    """One more point of a series; with an interval, a mark by itself and not part of a curve."""
    bounds = {"low": _short(interval[0]), "high": _short(interval[1])} if interval else {}
    return {
        "type": "point",
        "plot": plot,
        "series": series,
        "x": _short(x),
        "y": _short(y),
    } | bounds


def line(plot: str, y: float, label: str, *, log: bool = False) -> Event:
    """A threshold; `log` makes the axis logarithmic."""
    return {"type": "line", "plot": plot, "y": y, "label": label, "log": log}


def mark(plot: str, x: float, label: str) -> Event:
    """Something that happened at this place of a plot."""
    return {"type": "mark", "plot": plot, "x": _short(x), "label": label}


def axis(plot: str, title: str, x: str) -> Event:
    """What a plot shows, and what runs along its lower edge."""
    return {"type": "axis", "plot": plot, "title": title, "x": x}


def outcome(word: str, text: str) -> Event:
    """How it ended, in a word for the badge and a sentence."""
    return {"type": "outcome", "word": word, "text": text}


def error(text: str) -> Event:
    """It did not work, and why."""
    return {"type": "error", "text": text}


def done() -> Event:
    """Nothing follows."""
    return {"type": "done"}


def _short(value: float) -> float:
    """Four digits are more than a plot shows."""
    return float(f"{min(max(value, -1e300), 1e300):.4g}")
