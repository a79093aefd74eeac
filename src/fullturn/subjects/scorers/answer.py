"""What a scorer sees: a case, and how it was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered case."""

    input: Mapping[str, Any]
    text: str
    """The answer as a person reads it."""
    value: Any
    """The answer as a label, a parsed JSON value, or the text."""
    expected: Any = None
    """What the case expects, None if it only has a rubric."""
    rubric: str = ""
    """The case's own rubric."""


Score = Callable[[Answer], float]
"""A score in [0, 1]."""
