"""Trivial predictors: always the most frequent label, or the median."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from fullturn.core.entities import Example, Input, Output
from fullturn.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Majority:
    """Answers `label`, as sure of it as it was frequent."""

    label: str
    confidence: float
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """The share of each label; answered too, if there is one."""

    @classmethod
    def of(cls, examples: Sequence[Example], column: str, *, shares: bool = False) -> Self:
        """The most frequent value of this label column; of equals, the first in the alphabet.

        With `shares`, the answer has the share of every label as its probabilities.

        Raises:
            DataError: there are no examples.
        """
        if not examples:
            raise DataError(f"no rows to find the most frequent '{column}' in; commit train rows")
        counts = Counter(str(example.expected[column]) for example in examples)
        label = min(counts, key=lambda one: (-counts[one], one))
        found = {one: round(count / len(examples), 4) for one, count in sorted(counts.items())}
        return cls(label, found[label], found if shares else {})

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The same answer for each row."""
        answer: dict[str, Any] = {"label": self.label, "confidence": self.confidence}
        if self.probabilities:
            answer["probabilities"] = dict(self.probabilities)
        return [answer for _ in rows]


@dataclass(frozen=True, slots=True)
class Median:
    """Answers `value`."""

    value: float

    @classmethod
    def of(cls, examples: Sequence[Example], column: str) -> Self:
        """The median of this label column.

        Raises:
            DataError: there are no examples.
        """
        if not examples:
            raise DataError(f"no rows to take the median of '{column}' of; commit train rows")
        return cls(float(statistics.median(float(one.expected[column]) for one in examples)))

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The same answer for each row."""
        return [{"value": self.value} for _ in rows]
