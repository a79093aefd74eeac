"""Which rows must stay together: by a group column, by near-equal text, or by history."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fullturn.core.entities import Contract
from fullturn.data.rows import HELD_OUT, Row, group_column, id_of, key_of, split_column

Pins = Mapping[str, tuple[str, str]]
"""Group and split that rows had in the parent version, by key."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """The group of each row, and what is already decided about splits."""

    names: tuple[str, ...]
    own: tuple[str | None, ...]
    """The split that a row has by itself or by its history."""
    fixed: Mapping[str, str]
    """The split of the groups that hold such a row."""
    pairs: tuple[tuple[int, int], ...]
    """Row numbers of near-equal texts."""


def group_rows(
    rows: Sequence[Row], contract: Contract, threshold: float, pins: Pins | None = None
) -> Grouped:
    """Group rows by their group column; a row without one is alone, unless its text has a twin.

    Texts are near-equal from similarity `threshold` on (see `similar`). They are joined only
    if the contract says `group`, and only while that tears no decided split.
    """
    split, group = split_column(contract), group_column(contract)
    past = [(pins or {}).get(key_of(row, contract), (None, None)) for row in rows]
    names = [
        row[group] or before or id_of(row, contract)
        for row, (before, _) in zip(rows, past, strict=True)
    ]
    own = tuple(row[split] or before for row, (_, before) in zip(rows, past, strict=True))
    union = _Union()
    for name, decided in zip(names, own, strict=True):
        if decided:
            union.fix(name, decided)
    pairs = _near_equal(rows, contract, threshold)
    if contract.near_duplicates == "group":
        for one, other in pairs:
            union.join(names[one], names[other])
    return Grouped(tuple(map(union.find, names)), own, union.fixed, pairs)


def position(group: str) -> float:
    """A group's place in [0, 1), from a hash of its name."""
    digest = hashlib.blake2b(group.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


@dataclass(slots=True)
class _Union:
    """Disjoint sets of group names; `fixed` holds the split of those that have one."""

    fixed: dict[str, str] = field(default_factory=dict)
    above: dict[str, str] = field(default_factory=dict)

    def find(self, name: str) -> str:
        while (up := self.above.get(name, name)) != name:
            self.above[name] = self.above.get(up, up)
            name = up
        return name

    def fix(self, name: str, split: str) -> None:
        self.fixed[name] = max(split, self.fixed.get(name, split), key=HELD_OUT.index)

    def join(self, one: str, other: str) -> None:
        ends = {self.find(one), self.find(other)}
        if len({self.fixed[end] for end in ends if end in self.fixed}) > 1:
            return
        keep, *gone = sorted(ends, key=lambda end: (end not in self.fixed, position(end), end))
        self.above.update(dict.fromkeys(gone, keep))


def _near_equal(
    rows: Sequence[Row], contract: Contract, threshold: float
) -> tuple[tuple[int, int], ...]:
    if contract.text is None:
        return ()
    from fullturn.data.similar import similar_pairs

    numbers = [number for number, row in enumerate(rows) if row[contract.text]]
    pairs = similar_pairs([rows[number][contract.text] for number in numbers], threshold)
    return tuple((numbers[one], numbers[other]) for one, other in pairs)
