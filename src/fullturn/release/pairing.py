"""Which answers are compared, so that the difference of a pair is a fair bet.

In shadow both versions answer the same request (`Copies`). In canary each entity belongs to one
arm (`CanaryPairs`), and its requests resemble one another: a user whose every question fails is
one observation, not a hundred. So an answer is paired with the other arm's answer to an entity
with the same record: as many answers so far, as bad in sum. None is used twice, or before the
earlier ones of its entity. If the versions are equal, both answers are draws from one
distribution whatever happened before, and their difference has expectation 0. A comparison of first
answers alone would discard most of these; only where few entities ask often do records diverge so
far that many answers find no partner, and there the entities are too few indeed.

For values of 0 and 1 it is exact if the answers to one entity are exchangeable, as number and sum
are then sufficient (de Finetti); graded values have the same record if their sums agree to one
decimal. A request without a key is an entity of its own.

A difference within a pair shows whether the version is worse, not by how much: of a user whose
every question fails only the first finds a partner. How much is estimated from first answers alone,
which are independent of one another.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

OPEN = 100_000
"""Requests that are remembered, at most; the oldest are forgotten first."""
BACKLOG = 1_000
"""Answers to one entity that wait for their turn, at most; more are left out."""

T = TypeVar("T")
Record = tuple[int, float]


class Value(NamedTuple):
    """How bad an answer was on one guardrail, 0 to 1."""

    bad: float
    repeated: bool = False
    """Whether another answer of the same batch already was as bad for the same cause."""


class Pair(NamedTuple):
    """Values of the version under test and of the champion."""

    candidate: Value
    champion: Value
    first: bool = True
    """Whether these are the first answers to their entities."""


class Remembered:
    """The last OPEN ids, to detect repetitions."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def first(self, name: str) -> bool:
        """Whether this id is new; from now on it is not."""
        if name in self._ids:
            return False
        self._ids[name] = None
        if len(self._ids) > OPEN:
            del self._ids[next(iter(self._ids))]
        return True


class Copies(Generic[T]):
    """Pairs of answers to the same request, in whichever order they arrive."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bool, T] | None] = {}

    def match(self, request: str, tested: bool, value: T) -> tuple[T, T] | None:
        """The value of the version under test and that of the champion, once both are known.

        Each side counts once: a second value for a request changes nothing.
        """
        if request not in self._known:
            self._known[request] = tested, value
            if len(self._known) > OPEN:
                del self._known[next(iter(self._known))]
            return None
        first = self._known[request]
        if first is None or first[0] == tested:
            return None
        self._known[request] = None
        return (value, first[1]) if tested else (first[1], value)


@dataclass(slots=True)
class _Entity:
    tested: bool
    count: int = 0
    total: float = 0.0
    backlog: list[Value] = field(default_factory=list)

    @property
    def record(self) -> Record:
        return self.count, round(self.total, 1)

    def take(self) -> Value:
        value = self.backlog.pop(0)
        self.count, self.total = self.count + 1, self.total + value.bad
        return value


class CanaryPairs:
    """Pairs of answers to two entities, one of each arm, whose records are the same."""

    def __init__(self) -> None:
        self._entities: dict[str, _Entity] = {}
        self._waiting: dict[Record, deque[_Entity]] = {}

    def match(self, key: str | None, tested: bool, value: Value) -> list[Pair]:
        """Pairs that this answer completes.

        More than one if later answers to these entities were waiting for it. Without a `key`
        the answer is the only one of its entity.
        """
        entity = _Entity(tested)
        if key is not None:
            entity = self._entities.setdefault(key, entity)
        if entity.tested != tested or len(entity.backlog) >= BACKLOG:
            return []
        entity.backlog.append(value)
        pairs, ready = list[Pair](), [entity] if len(entity.backlog) == 1 else []
        while ready:
            one = ready.pop()
            other = self._partner(one)
            if other is not None:
                first = one.count == 0
                values = one.take(), other.take()
                pairs.append(Pair(*(values if one.tested else values[::-1]), first))
                ready += [each for each in (other, one) if each.backlog]
        return pairs

    def _partner(self, entity: _Entity) -> _Entity | None:
        """The first that waits in the other arm with the same record; else this one waits."""
        queue = self._waiting.setdefault(entity.record, deque())
        if not queue or queue[0].tested == entity.tested:
            queue.append(entity)
            return None
        other = queue.popleft()
        if not queue:
            del self._waiting[entity.record]
        return other
