"""What a detector reads and what it bets on, before its average run length is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Observation
from fullturn.statistics.edetector import Bets

Read = Callable[[Sequence[Observation]], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A detector before its average run length is known."""

    name: str
    what: str
    """What its alarm means, in a sentence."""
    bets: Bets
    read: Read
    """Values of observations that have what is read."""
    has: Callable[[Observation], bool]
    labelled: bool = False
    """Whether it reads losses; all others read answered requests."""
