"""Which rows must stay together, and which split they go into.

The place of a group is a hash of its name, hence the same on every machine and unmoved by
rows that come later. What the parent version decided stays as it was.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fullturn.core.entities import Contract
from fullturn.core.errors import DataError, SettingsError
from fullturn.core.settings import DataSettings
from fullturn.core.wording import lines, shown
from fullturn.data.rows import (
    HELD_OUT,
    Row,
    group_column,
    id_of,
    key_of,
    label_columns,
    split_column,
)

Pins = Mapping[str, tuple[str, str]]
"""Group and split that rows had in the parent version, by key."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """The group of each row, and what is already decided about splits."""

    names: tuple[str, ...]
    own: tuple[str | None, ...]
    """The split that a row has in its own column, or had in the parent version."""
    fixed: Mapping[str, str]
    """The split of the groups with such a row."""
    pairs: tuple[tuple[int, int], ...]
    """Row numbers of near-equal texts."""


def group_rows(
    rows: Sequence[Row], contract: Contract, threshold: float, pins: Pins | None = None
) -> Grouped:
    """Group rows by their group column; a row without one is alone, unless its text has a near
    duplicate.

    Texts are near-equal from similarity `threshold` on (see `similar`). They are joined only
    if the contract says `group`, and only while that contradicts no decided split.
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
    """Disjoint sets of group names; `fixed` gives the split of those that have one."""

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


_NEEDED = ("train", "test", "validation")
"""Splits, by how much a label is needed in them."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Rows with split and group, and pairs of ids whose near-equal texts are in two splits."""

    rows: tuple[Row, ...]
    near_duplicates: tuple[tuple[str, str], ...]


def assign(
    rows: Sequence[Row], contract: Contract, settings: DataSettings, pins: Pins | None = None
) -> Assigned:
    """Give every row a split and a group, the same ones on every machine.

    `rows` are stored rows that keep the contract. A row with a split keeps it. When rows
    come with a test (or validation) split, the others are shared among the other splits.
    A row in `pins` keeps its group and split. Each label is in train, and in test and
    validation too if it has enough groups. Rows of the split `reference` stay as they are.

    Raises:
        DataError: near-equal texts in two splits and the contract refuses them, or no row
            for train or for test.
        SettingsError: train and validation leave nothing for test.
    """
    split, group = split_column(contract), group_column(contract)
    examples = [row for row in rows if row[split] != "reference"]
    grouped = group_rows(examples, contract, settings.near_duplicate, pins)
    chosen = _choose(grouped, _labels(examples, contract), _shares(examples, split, settings))
    splits = [own or chosen[name] for own, name in zip(grouped.own, grouped.names, strict=True)]
    _check_filled(splits, len(chosen))
    leaks = [(one, other) for one, other in grouped.pairs if splits[one] != splits[other]]
    if leaks and contract.near_duplicates == "refuse":
        raise DataError(_refusal([(examples[i], examples[j]) for i, j in leaks], contract))
    ids = [id_of(row, contract) for row in examples]
    placed = iter(zip(splits, grouped.names, strict=True))

    def place(row: Row) -> Row:
        own_split, own_group = next(placed)
        return {**row, split: own_split, group: own_group}

    return Assigned(
        tuple(row if row[split] == "reference" else place(row) for row in rows),
        tuple((ids[one], ids[other]) for one, other in leaks),
    )


def pins_of(rows: Sequence[Row], contract: Contract) -> Pins:
    """What a version decided about its rows, for the version after it."""
    split, group = split_column(contract), group_column(contract)
    placed = [row for row in rows if row.get(split) not in (None, "reference")]
    return {key_of(row, contract): (row[group], row[split]) for row in placed}


def _shares(examples: Sequence[Row], split: str, settings: DataSettings) -> dict[str, float]:
    """Shares of the splits that are filled by hash; they sum to 1."""
    train, validation = settings.train_share, settings.validation_share
    given = {row[split] for row in examples} - {"train"}
    if train + validation >= 1 and "test" not in given:
        raise SettingsError(
            f"data.train_share = {train:g} and data.validation_share = {validation:g} leave "
            "nothing for test; their sum must be below 1"
        )
    shares = {"train": train, "validation": validation, "test": 1 - train - validation}
    free = {name: share for name, share in shares.items() if name not in given}
    return {name: share / sum(free.values()) for name, share in free.items()}


def _labels(examples: Sequence[Row], contract: Contract) -> list[str]:
    """The label by which rows are stratified; the same for all if there is none."""
    names = label_columns(contract)
    return [(row[names[0]] if names else None) or "" for row in examples]


def _choose(grouped: Grouped, labels: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    """The split of every group: the fixed one, or by its place, then spread within labels."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for name, label in zip(grouped.names, labels, strict=True):
        seen[name][label] += 1
    chosen = {name: grouped.fixed.get(name) or _at(position(name), shares) for name in seen}
    by_label: dict[str, list[str]] = defaultdict(list)
    for name in sorted(seen, key=position):
        by_label[max(seen[name], key=lambda label: (seen[name][label], label))].append(name)
    for names in by_label.values():
        _spread(names, chosen, grouped.fixed, shares)
    return chosen


def _at(place: float, shares: Mapping[str, float]) -> str:
    upper = 0.0
    for name, share in shares.items():
        upper += share
        if place < upper:
            return name
    return name


def _spread(
    names: Sequence[str],
    chosen: dict[str, str],
    fixed: Mapping[str, str],
    shares: Mapping[str, float],
) -> None:
    """Move a few groups of one label, so that train has one, then test, then validation."""
    have = Counter(chosen[name] for name in names)
    order = [split for split in _NEEDED if split in shares]
    for rank, wanted in enumerate(order):
        can_give = {split for split in order if have[split] > 1} | set(order[rank + 1 :])
        spare = [name for name in names if name not in fixed and chosen[name] in can_give]
        if spare and not have[wanted]:
            moved = max(spare, key=lambda name: have[chosen[name]])
            have.subtract([chosen[moved]])
            have.update([wanted])
            chosen[moved] = wanted


def _check_filled(splits: Sequence[str], groups: int) -> None:
    for wanted in ("train", "test"):
        if splits and wanted not in splits:
            raise DataError(
                f"no row is left for {wanted}: {len(splits)} rows make {groups} groups that stay "
                f"together, in {', '.join(sorted(set(splits)))}; add rows, or give rows of both "
                "splits (column 'split', or data.test in fullturn.toml)"
            )


def _refusal(leaks: Sequence[tuple[Row, Row]], contract: Contract) -> str:
    text = contract.text or ""
    pairs = [f"{shown(one[text])} and {shown(other[text])}" for one, other in leaks]
    return (
        f"pairs of near-equal texts in two splits: {len(leaks)}\n{lines(pairs)}\n"
        "Remove one of each pair, put both in one split, or let the contract group them."
    )
