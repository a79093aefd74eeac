"""The trivial predictor for labels: always the most frequent one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from fullturn.core.entities import Example, Input, Output
from fullturn.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Majority:
    """Answers `label`, as sure of it as it was frequent."""

    label: str
    confidence: float

    @classmethod
    def of(cls, examples: Sequence[Example], column: str) -> Self:
        """The most frequent value of this label column; of equals, the first in the alphabet.

        Raises:
            DataError: there are no examples.
        """
        if not examples:
            raise DataError(f"no rows to find the most frequent '{column}' in; commit train rows")
        counts = Counter(str(example.expected[column]) for example in examples)
        label = min(counts, key=lambda one: (-counts[one], one))
        return cls(label, round(counts[label] / len(examples), 4))

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The same answer for each row."""
        return [{"label": self.label, "confidence": self.confidence} for _ in rows]
