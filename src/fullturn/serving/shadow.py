"""Copies of live rows for a version under test: bounded, and never ahead of live rows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from fullturn.core.entities import Input, Output, Prediction
from fullturn.core.errors import FullturnError
from fullturn.serving.answering import Pace, Work, answers, new_ids, output_and_error
from fullturn.serving.deployment import LoadedVersion

LONGEST = 0.01
"""Seconds that live rows may have to wait for shadow work, approximately."""


@dataclass(frozen=True, slots=True)
class _Copy:
    row: Input
    key: str
    copy_of: str
    waited: float
    """Seconds that the live row waited; they count as latency of the shadow too."""


class Shadows:
    """The queue of copies, for one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._copies: deque[_Copy] = deque()
        self._pace = Pace(LONGEST)

    def __len__(self) -> int:
        return len(self._copies)

    def clear(self) -> None:
        """Drop all copies."""
        self._copies.clear()

    def copy(self, works: Sequence[Work], begun: float) -> int:
        """Queue copies of answered rows; returns how many did not fit."""
        made = [(work, one) for work in works if not work.refused for one in work.predictions]
        room = max(0, self._most - len(self._copies))
        self._copies.extend(
            _Copy(one.input, one.key, one.id, begun - work.arrived) for work, one in made[:room]
        )
        return max(0, len(made) - room)

    def answered(self, slot: LoadedVersion, now: int, most: int) -> list[Prediction]:
        """Answer a few; how many depends on how long the last ones took."""
        size = min(self._pace.rows, most, len(self._copies))
        taken = [self._copies.popleft() for _ in range(size)]
        started = time.perf_counter()
        results = answers(slot, [one.row for one in taken], self._pace, most)
        spent = time.perf_counter() - started
        return [
            _prediction(slot, now, number, one, result, spent)
            for number, one, result in zip(new_ids(now, size), taken, results, strict=True)
        ]


def _prediction(
    slot: LoadedVersion,
    now: int,
    number: str,
    one: _Copy,
    result: Output | FullturnError,
    spent: float,
) -> Prediction:
    output, error = output_and_error(result)
    latency = one.waited + spent
    return Prediction(
        number,
        0,
        now,
        "shadow",
        slot.version,
        one.key,
        one.row,
        output,
        latency,
        error,
        one.copy_of,
    )
