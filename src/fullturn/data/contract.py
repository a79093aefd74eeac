"""Rows against a contract: everything that would harm a model later is refused here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Contract
from fullturn.core.errors import DataError
from fullturn.core.values import stored_value
from fullturn.core.wording import SHOWN, lines, nearest, shown
from fullturn.data.rows import (
    HELD_OUT,
    SOURCE,
    Row,
    id_of,
    key_of,
    label_columns,
    place,
    split_column,
    stored,
)


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Rows as they are stored, and how many copies were dropped.

    `duplicates` were equal in every column; `repeated` were equal in every column but the
    split, and the copy that is held out longest (test, validation, train) remained.
    """

    rows: tuple[Row, ...]
    duplicates: int
    repeated: int


def check(rows: Sequence[Mapping[str, Any]], contract: Contract) -> CheckedRows:
    """Rows that satisfy the contract, converted to stored values.

    Category labels need two different values, each seen twice at least; rows of the split
    `reference` are exempt from that. Rows with the same key must be the same.

    Raises:
        DataError: names the first offending rows with their file and line.
    """
    if not rows:
        raise DataError("there are no rows; give at least one file with rows")
    contract = stored(contract)
    _check_columns(rows, contract)
    converted, places = _convert(rows, contract)
    checked = _unique(converted, places, contract)
    _check_labels(checked.rows, contract)
    return checked


def _check_columns(rows: Sequence[Mapping[str, Any]], contract: Contract) -> None:
    first: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        for name in row:
            if name not in first:
                first[name] = place(row, number)
    known = [column.name for column in contract.columns]
    required = [column.name for column in contract.columns if column.required]
    missing = [name for name in required if name not in first]
    problems = [f"column '{name}' is missing" for name in missing]
    problems += [
        f"column {shown(name)} is unknown ({where}){nearest(name, missing or known)}"
        for name, where in first.items()
        if name not in (*known, SOURCE)
    ]
    if problems:
        hint = " Is there a header line?" if missing == required else ""
        raise DataError(
            f"the columns break the contract:\n{lines(problems)}\nThe contract has the columns: "
            f"{', '.join(known)}. Rename or drop the others.{hint}"
        )


def _convert(rows: Sequence[Mapping[str, Any]], contract: Contract) -> tuple[list[Row], list[str]]:
    converted, places, problems = [], [], []
    for number, row in enumerate(rows, start=1):
        where = place(row, number)
        try:
            values: Row = {c.name: stored_value(row.get(c.name), c) for c in contract.columns}
            if all(values[name] is None for name in contract.key):
                raise DataError(f"the key ({', '.join(contract.key)}) is empty")
        except DataError as error:
            problems.append(f"{where}: {error}")
        else:
            converted.append(values)
            places.append(where)
    if problems:
        raise DataError(
            f"rows that break the contract: {len(problems)} of {len(rows)}\n{lines(problems)}"
        )
    return converted, places


def _unique(rows: Sequence[Row], places: Sequence[str], contract: Contract) -> CheckedRows:
    same: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        same[key_of(row, contract)].append(number)
    split, unique, problems = split_column(contract), [], []
    duplicates = repeated = 0
    for numbers in same.values():
        copies = [rows[number] for number in numbers]
        if problem := _contradiction(copies, split):
            where = ", ".join(places[number] for number in numbers[:SHOWN])
            problems.append(f"{where}: {problem}")
        splits = {copy[split] for copy in copies}
        duplicates += len(copies) - len(splits)
        repeated += len(splits) - 1
        unique.append(max(copies, key=lambda copy: _worth(copy[split])))
    if problems:
        raise DataError(
            f"keys ({', '.join(contract.key)}) that identify different rows: {len(problems)}\n"
            f"{lines(problems)}\nKeep one row of each, or correct them."
        )
    _check_ids(unique, contract)
    return CheckedRows(tuple(unique), duplicates, repeated)


def _contradiction(copies: Sequence[Row], split: str) -> str | None:
    first = copies[0]
    for other in copies[1:]:
        for name, value in other.items():
            mixed = "reference" in (value, first[name]) if name == split else True
            if value != first[name] and mixed:
                return f"the same key, but '{name}' is {shown(first[name])} and {shown(value)}"
    return None


def _worth(split: str | None) -> int:
    return HELD_OUT.index(split) if split in HELD_OUT else -1


def _check_ids(rows: Sequence[Row], contract: Contract) -> None:
    twice = [name for name, n in Counter(id_of(row, contract) for row in rows).items() if n > 1]
    if twice:
        raise DataError(
            f"ids of several rows: {len(twice)}, first '{twice[0]}'; give each row its own"
        )


def _check_labels(rows: Sequence[Row], contract: Contract) -> None:
    split = split_column(contract)
    for name in label_columns(contract):
        values = [row[name] for row in rows if row[split] != "reference"]
        counts = Counter(value for value in values if value is not None)
        if len(counts) == 1:
            raise DataError(
                f"column '{name}' has one label only, {next(iter(counts))!r}; "
                "a classifier needs at least two"
            )
        once = sorted(label for label, count in counts.items() if count == 1)
        if once:
            raise DataError(
                f"labels of '{name}' seen only once: {len(once)}\n{lines(list(map(repr, once)))}\n"
                "They cannot be in both train and test: add a row to each, merge or drop them."
            )
