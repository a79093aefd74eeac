"""What a row is inside this stage, what identifies it, and a digest of many."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import DataError
from fullturn.core.values import canonical

Row = dict[str, Any]
SOURCE = "_source"
"""The key under which a reader notes where a row is ("train.csv:12"); never stored."""
HELD_OUT = ("train", "validation", "test")
"""The splits of examples, by how long their rows are held out."""
SPLITS = (*HELD_OUT, "reference")


def place(row: Mapping[str, Any], number: int) -> str:
    """Where a row came from, for messages; `number` counts rows from 1."""
    return str(row.get(SOURCE, f"row {number}"))


def stored(contract: Contract) -> Contract:
    """The contract of the table: the given one, with columns for split and group.

    A split column of its own has categories, and only the four splits.

    Raises:
        DataError: a column named `split` or `group` has another role.
    """
    columns = [
        dataclasses.replace(column, kind="category", allowed=SPLITS)
        if column.role == "split"
        else column
        for column in contract.columns
    ]
    for column in (
        Column("split", "category", "split", required=False, allowed=SPLITS),
        Column("group", "category", "group", required=False),
    ):
        if contract.names(column.role):
            continue
        if any(own.name == column.name for own in columns):
            raise DataError(
                f"column '{column.name}' must have the role '{column.role}'; "
                "rename it or change its role"
            )
        columns.append(column)
    return dataclasses.replace(contract, columns=tuple(columns))


def split_column(contract: Contract) -> str:
    """The column of the split."""
    return (*contract.names("split"), "split")[0]


def group_column(contract: Contract) -> str:
    """The column of the group."""
    return (*contract.names("group"), "group")[0]


def label_columns(contract: Contract) -> tuple[str, ...]:
    """The label columns whose values are categories."""
    return tuple(c.name for c in contract.columns if c.role == "label" and c.kind == "category")


def key_of(row: Mapping[str, Any], contract: Contract) -> str:
    """What identifies a row between versions: its key columns as canonical JSON."""
    return canonical([row.get(name) for name in contract.key])


def id_of(row: Mapping[str, Any], contract: Contract) -> str:
    """The row's id: its id column where that is filled, otherwise 16 digits of its key's hash."""
    for name in contract.names("id"):
        if row.get(name) is not None:
            return str(row[name])
    return hashlib.blake2b(key_of(row, contract).encode(), digest_size=8).hexdigest()


def row_digest(row: Mapping[str, Any]) -> str:
    """sha256 (hex) of one row; a null is the same as an absent column."""
    present = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(canonical(present).encode()).hexdigest()


def dataset_digest(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """sha256 (hex) over the sorted row digests, after the sorted column names."""
    return combined(map(row_digest, rows), columns)


def combined(row_digests: Iterable[str], columns: Sequence[str]) -> str:
    """The dataset digest, from row digests that are already at hand."""
    total = hashlib.sha256(canonical(sorted(columns)).encode())
    for digest in sorted(row_digests):
        total.update(digest.encode())
    return total.hexdigest()
