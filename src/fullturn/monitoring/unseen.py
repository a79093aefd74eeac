"""Categories in requests that training never had: how often each came, by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fullturn.core.entities import Observation, unseen_of

MOST = 1_000
"""So many different ones are counted by name; of others only the column."""
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class UnseenCategory:
    """A category that training never had, and how many requests had it."""

    column: str
    category: str
    requests: int


class UnseenCategories:
    """Counts what predictors report of answered requests."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def observe(self, observations: Iterable[Observation]) -> None:
        """Count those of answered requests; a loss that becomes known later is no new request."""
        for one in observations:
            if one.loss is None and one.prediction.output is not None:
                for column, category in unseen_of(one.prediction.output).items():
                    key = str(column), str(category)
                    if key not in self._counts and len(self._counts) >= MOST:
                        key = str(column), OTHERS
                    self._counts[key] += 1

    @property
    def found(self) -> tuple[UnseenCategory, ...]:
        """The most frequent first."""
        ranked = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(UnseenCategory(*key, requests) for key, requests in ranked)
