"""How messages show values and lists."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

SHOWN = 5
"""So many rows of a kind are shown; the others are counted."""


def shown(value: Any) -> str:
    """A value for a message, cut at 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is not known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, the first `most` of them."""
    more = f" … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def lines(problems: Sequence[str]) -> str:
    """One line each, the first few of them."""
    more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "\n".join(f"  {line}" for line in [*problems[:SHOWN], *more])
