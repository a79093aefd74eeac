"""What a panel tells: small JSON objects, the same live, in a recording and in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Event = Mapping[str, Any]
"""Has a `type`; a performance adds `at`, the seconds since it began."""
Tell = Callable[[Event], None]
"""Takes the next event. It raises if the panel is to stop."""
Options = Mapping[str, str]
"""What a person chose before the start, by name."""


class Interval(Protocol):
    """An estimate and how far it may be off."""

    @property
    def estimate(self) -> float:
        """The middle."""

    @property
    def low(self) -> float:
        """The lower end."""

    @property
    def high(self) -> float:
        """The upper end."""


def say(text: str) -> Event:
    """A line for the log."""
    return {"type": "say", "text": text}


def table(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
) -> Event:
    """A table, which replaces the one of the same name. A column '>x' is aligned to the right."""
    return {"type": "table", "id": name, "title": title, "columns": list(columns),
            "rows": [list(row) for row in rows]}  # fmt: skip


def point(plot: str, series: str, x: float, y: float) -> Event:
    """One more point of a curve."""
    return {"type": "point", "plot": plot, "series": series, "x": _short(x), "y": _short(y)}


def interval(plot: str, label: str, place: int, found: Interval, series: str = "") -> Event:
    """A point with an interval, on a line of its own: `place` counts the lines from the top."""
    estimate = {**point(plot, series or label, place, found.estimate), "label": label}
    return {**estimate, "low": _short(found.low), "high": _short(found.high)}


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


def shorter(text: str, most: int) -> str:
    """Text on one line of at most so many characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"


def _short(value: float) -> float:
    """Six digits are more than a plot shows."""
    return float(f"{min(max(value, -1e300), 1e300):.6g}")
