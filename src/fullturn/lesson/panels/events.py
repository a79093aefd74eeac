"""The events of a panel: small JSON objects, the same live, recorded and in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Event = Mapping[str, Any]
"""Has a `type`; a performance adds `at`, the seconds since its start."""
Tell = Callable[[Event], None]
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
