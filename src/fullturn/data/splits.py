"""Which rows must stay together, and which split they go into.

The place of a group is a hash of its name, hence the same on every machine and unmoved by
rows that come later. What the parent version decided stays as it was. A version with a time column
is split by that instead, each time again: the latest rows are the test rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

from fullturn.core.entities import Contract
from fullturn.core.errors import DataError, SettingsError
from fullturn.core.settings import DataSettings
from fullturn.core.wording import lines, shown
from fullturn.data.chronology import chosen_by_time, times_of
from fullturn.data.rows import (
    HELD_OUT,
    Row,
    group_column,
    id_of,
    ids_of,
    inputs_of,
    keys_of,
    label_columns,
    split_column,
    time_column,
)

Pins = Mapping[str, tuple[str, str | None]]
"""Group and split that rows had in the parent version, by key; no split if it is not to stay."""


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
    rows: Sequence[Row],
    contract: Contract,
    threshold: float,
    pins: Pins | None = None,
    keys: Sequence[str] | None = None,
) -> Grouped:
    """Group rows by their group column; a row without one is alone, unless its text has a near
    duplicate.

    Rows with equal inputs are joined if the contract groups equal rows. Texts are near-equal from
    similarity `threshold` on (see `similar`), and joined if the contract says `group`; both only
    while that contradicts no decided split.
    """
    split, group = split_column(contract), group_column(contract)
    keys = keys_of(rows, contract) if keys is None else keys
    past: list[tuple[str | None, str | None]] = (
        [pins.get(key, (None, None)) for key in keys] if pins else [(None, None)] * len(rows)
    )
    names = [
        row[group] or before or name
        for row, (before, _), name in zip(rows, past, ids_of(rows, keys, contract), strict=True)
    ]
    own = tuple(row[split] or before for row, (_, before) in zip(rows, past, strict=True))
    union = _Union()
    for name, decided in zip(names, own, strict=True):
        if decided:
            union.fix(name, decided)
    if contract.equal_rows == "group":
        _join_equal(rows, names, contract, union)
    pairs = _near_equal(rows, contract, threshold)
    if contract.near_duplicates == "group":
        for one, other in pairs:
            union.join(names[one], names[other])
    return Grouped(tuple(map(union.find, names)), own, union.fixed, pairs)


def _join_equal(
    rows: Sequence[Row], names: Sequence[str], contract: Contract, union: _Union
) -> None:
    """Join the groups of rows with equal inputs, but for groups that the rows name themselves."""
    group, first = group_column(contract), dict[tuple[object, ...], str]()
    for row, inputs, name in zip(rows, inputs_of(rows, contract), names, strict=True):
        if row[group] is None and (other := first.setdefault(inputs, name)) != name:
            union.join(other, name)


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
    drawn: int = 0
    """Rows that the files give to train, and that are used for validation: no row was named."""


def assign(
    rows: Sequence[Row],
    contract: Contract,
    settings: DataSettings,
    pins: Pins | None = None,
    keys: Sequence[str] | None = None,
) -> Assigned:
    """Give every row a split and a group, the same ones on every machine.

    `rows` are stored rows that keep the contract; `keys` are theirs, if they are known. A row with
    a split keeps it. When rows come with a test (or validation) split, the others are shared among
    the other splits. A row in `pins` keeps its group and split. Each label is in train, and in test
    and validation too if it has enough groups; with a time column, the latest rows are in test
    instead. If each row has a split and none is for validation, some are drawn from train. Rows of
    the split `reference` stay as they are.

    Raises:
        DataError: near-equal texts in two splits and the contract refuses them, no row for train or
            for test, or a time column that orders nothing.
        SettingsError: train and validation leave nothing for test.
    """
    split, group = split_column(contract), group_column(contract)
    numbers = [number for number, row in enumerate(rows) if row[split] != "reference"]
    examples = [rows[number] for number in numbers]
    of_examples = None if keys is None else [keys[number] for number in numbers]
    grouped = group_rows(examples, contract, settings.near_duplicate, pins, of_examples)
    shares = _shares(examples, split, settings)
    chosen = _chosen(grouped, examples, contract, shares)
    splits = [own or chosen[name] for own, name in zip(grouped.own, grouped.names, strict=True)]
    _check_filled(splits, len(chosen))
    drawn = _drawn(grouped, splits, settings)
    splits = [
        "validation" if own == "train" and name in drawn else own
        for own, name in zip(splits, grouped.names, strict=True)
    ]
    leaks = [(one, other) for one, other in grouped.pairs if splits[one] != splits[other]]
    if leaks and contract.near_duplicates == "refuse":
        raise DataError(_refusal([(examples[i], examples[j]) for i, j in leaks], contract))
    found = list(rows)
    for number, row, own_split, name in zip(numbers, examples, splits, grouped.names, strict=True):
        found[number] = {**row, split: own_split, group: name}
    return Assigned(
        tuple(found),
        tuple((id_of(examples[one], contract), id_of(examples[i], contract)) for one, i in leaks),
        sum(own == "validation" for own in splits) if drawn else 0,
    )


def _chosen(
    grouped: Grouped, examples: Sequence[Row], contract: Contract, shares: Mapping[str, float]
) -> dict[str, str]:
    column = time_column(contract)
    if column is None or not examples:
        return _choose(grouped, _labels(examples, contract), shares)
    times, free = times_of(examples, column), [name not in grouped.fixed for name in grouped.names]
    names = list(compress(grouped.names, free))
    by_time = chosen_by_time(names, list(compress(times, free)), shares) if names else {}
    return {name: grouped.fixed.get(name) or by_time[name] for name in grouped.names}


def _drawn(grouped: Grouped, splits: Sequence[str], settings: DataSettings) -> frozenset[str]:
    """The groups of train that are used for validation, if the files name none for it."""
    if not all(grouped.own) or "validation" in splits or "test" not in splits:
        return frozenset()
    names = {name for name, own in zip(grouped.names, splits, strict=True) if own == "train"}
    if len(names) < 2:
        return frozenset()
    share = settings.validation_share / (settings.train_share + settings.validation_share)
    drawn = frozenset(name for name in names if position(name) < share)
    first = min(names, key=position)
    return drawn - {max(drawn)} if drawn == names else drawn or frozenset([first])


def pins_of(rows: Sequence[Row], contract: Contract) -> Pins:
    """What a version decided about its rows, for the version after it."""
    split, group = split_column(contract), group_column(contract)
    placed = [row for row in rows if row.get(split) not in (None, "reference")]
    keys = keys_of(placed, contract)
    moves = time_column(contract) is not None
    return {
        key: (row[group], None if moves else row[split])
        for key, row in zip(keys, placed, strict=True)
    }


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
    majority = _majority(grouped.names, labels)
    places = {name: position(name) for name in majority}
    chosen = {name: grouped.fixed.get(name) or _at(place, shares) for name, place in places.items()}
    by_label: dict[str, list[str]] = defaultdict(list)
    for name in sorted(places, key=places.__getitem__):
        by_label[majority[name]].append(name)
    for names in by_label.values():
        _spread(names, chosen, grouped.fixed, shares)
    return chosen


def _majority(names: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """The most frequent label of each group."""
    found = dict(zip(names, labels, strict=True))
    several: dict[str, Counter[str]] = defaultdict(Counter)
    sizes = Counter(names)
    for name, label in zip(names, labels, strict=True):
        if sizes[name] > 1:
            several[name][label] += 1
    for name, seen in several.items():
        found[name] = max(seen, key=lambda label: (seen[label], label))
    return found


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
