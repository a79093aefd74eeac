"""A queue that is fair: whoever sends a lot waits for their own requests, and nobody else does.

Start-time fair queueing (Goyal, Vin, Cheng, IEEE/ACM Transactions on Networking 5(5), 1997), first
between hosts, then between the keys of one host: a host that invents keys gains nothing by it.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")
_IDLE = 1000
"""Flows without entries that are remembered, at most."""
Caller = tuple[str, str]
"""The address that a request comes from, and the key that it names."""


@dataclass(slots=True)
class _Flows(Generic[T]):
    """Entries of several flows, each with its cost; an idle flow saves nothing up."""

    entries: list[tuple[float, int, T]] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    """Where the last entry of each flow ends, in virtual time."""
    now: float = 0.0
    count: int = 0

    def push(self, flow: str, cost: int, entry: T) -> None:
        start = max(self.now, self.ends.get(flow, 0.0))
        self.ends[flow] = start + cost
        self.count += 1
        heapq.heappush(self.entries, (start, self.count, entry))
        if len(self.ends) > _IDLE + 2 * len(self.entries):
            self.ends = {one: end for one, end in self.ends.items() if end > self.now}

    def pop(self) -> T:
        self.now, _, entry = heapq.heappop(self.entries)
        if not self.entries:
            self.ends.clear()
            self.now = 0.0
        return entry


class FairQueue(Generic[T]):
    """Entries by caller; the next is of whoever has been served least of late."""

    def __init__(self) -> None:
        self._hosts: _Flows[str] = _Flows()
        self._keys: defaultdict[str, _Flows[tuple[int, T]]] = defaultdict(_Flows)

    def __len__(self) -> int:
        return len(self._hosts.entries)

    def push(self, caller: Caller, cost: int, entry: T) -> None:
        """Add an entry that takes `cost` rows."""
        host, key = caller
        self._hosts.push(host, cost, host)
        self._keys[host].push(key, cost, (cost, entry))

    @property
    def next_cost(self) -> int:
        """The cost of the next entry."""
        return self._keys[self._hosts.entries[0][2]].entries[0][2][0]

    def pop(self) -> tuple[int, T]:
        """The next entry, and its cost."""
        host = self._hosts.pop()
        flows = self._keys[host]
        found = flows.pop()
        if not flows.entries:
            del self._keys[host]
        return found


class Shares:
    """Rows that wait, by caller, and whether more of a caller are taken."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: dict[Caller, int] = {}
        self.total = 0

    def admit(self, caller: Caller, rows: int) -> bool:
        """Count rows in, unless the queue is full.

        When it is, a host still gets an equal share of it, and so does a caller, up to twice the
        limit in all.
        """
        total = self.total + rows
        if total > self._limit and not self._is_fair(caller, rows, total):
            return False
        self.total = total
        self._rows[caller] = self._rows.get(caller, 0) + rows
        return True

    def release(self, caller: Caller, rows: int) -> None:
        """Count rows out."""
        self.total -= rows
        left = self._rows[caller] - rows
        if left:
            self._rows[caller] = left
        else:
            del self._rows[caller]

    def _is_fair(self, caller: Caller, rows: int, total: int) -> bool:
        hosts: Counter[str] = Counter()
        for (host, _), waiting in self._rows.items():
            hosts[host] += waiting
        if self._is_share(hosts, caller[0], rows):
            return True
        return total <= 2 * self._limit and self._is_share(self._rows, caller, rows)

    def _is_share(self, waiting: Mapping[K, int], one: K, rows: int) -> bool:
        sharers = len(waiting) + (one not in waiting)
        return (waiting.get(one, 0) + rows) * sharers <= self._limit
