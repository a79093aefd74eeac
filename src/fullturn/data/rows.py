"""What a row is inside this stage, what identifies it, and a digest of many."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Literal

from fullturn.core.entities import Column, Contract
from fullturn.core.values import canonical, number_texts

Row = dict[str, Any]
SOURCE = "_source"
"""The key under which a reader notes where a row is ("train.csv:12"); never stored."""
PROBLEM = "_problem"
"""The key under which a reader notes why a row cannot be read; such a row has no cells."""
CLASSES = ("category", "boolean")
"""Kinds of label of which each value is a class."""
HELD_OUT = ("train", "validation", "test")
"""The splits of examples, by how long their rows are held out."""
SPLITS = (*HELD_OUT, "reference")


def place(row: Mapping[str, Any], number: int) -> str:
    """Where a row came from, for messages; `number` counts rows from 1."""
    return str(row.get(SOURCE, f"row {number}"))


def stored(contract: Contract, extra: Iterable[str] = ()) -> Contract:
    """The contract of the table: the given one, with columns for split and group, and for those of
    the files that nobody named (`extra`), of which no model reads any.

    A split column of its own has categories, and only the four splits.
    """
    columns = [
        dataclasses.replace(column, kind="category", allowed=SPLITS)
        if column.role == "split"
        else column
        for column in contract.columns
    ]
    split, group = split_column(contract), group_column(contract)
    if not contract.names("split"):
        columns.append(Column(split, "category", "split", required=False, allowed=SPLITS))
    if not contract.names("group"):
        columns.append(Column(group, "category", "group", required=False))
    known = {column.name for column in columns}
    others = (name for name in extra if name not in known)
    columns += [Column(name, "text", "extra", required=False) for name in others]
    return dataclasses.replace(contract, columns=tuple(columns))


def split_column(contract: Contract) -> str:
    """The column of the split."""
    return _of_role(contract, "split")


def group_column(contract: Contract) -> str:
    """The column of the group."""
    return _of_role(contract, "group")


def _of_role(contract: Contract, role: Literal["split", "group"]) -> str:
    """The column of this role; without one, a column of that name, unless it has another role.
    Delta tables do not distinguish names by case."""
    taken = any(column.name.casefold() == role for column in contract.columns)
    return (*contract.names(role), f"_{role}" if taken else role)[0]


def time_column(contract: Contract) -> str | None:
    """The column that orders the rows in time; None if there is none."""
    found = (one.name for one in contract.columns if one.role == "time" or one.orders_rows)
    return next(found, None)


def label_columns(contract: Contract) -> tuple[str, ...]:
    """The label columns whose values are classes."""
    return tuple(c.name for c in contract.columns if c.role == "label" and c.kind in CLASSES)


def key_of(row: Mapping[str, Any], contract: Contract) -> str:
    """What identifies a row between versions: its key columns as canonical JSON."""
    return canonical([row.get(name) for name in contract.key])


def keys_of(rows: Sequence[Mapping[str, Any]], contract: Contract) -> list[str]:
    """`key_of` of many stored rows. Where equal rows remain, the second and later ones have a
    number in their key."""
    columns = [json_cells([row.get(name) for row in rows]) for name in contract.key]
    return joined_keys(columns, rows.__getitem__, contract)


def joined_keys(
    columns: Sequence[Sequence[str | None]],
    row_at: Callable[[int], Mapping[str, Any]],
    contract: Contract,
) -> list[str]:
    """`keys_of` rows, from the `json_cells` of their key columns; `row_at` is asked for equal
    rows only."""
    filled = [[cell or "null" for cell in cells] if None in cells else cells for cells in columns]
    keys = [f"[{','.join(cells)}]" for cells in zip(*filled, strict=True)]
    return keys if contract.equal_rows == "drop" else _numbered(keys, row_at, contract)


def _numbered(
    keys: list[str], row_at: Callable[[int], Mapping[str, Any]], contract: Contract
) -> list[str]:
    """The keys, each of its own. Which of equal rows comes first depends on their other columns,
    not on the order of the rows."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    if len(places) == len(keys):
        return keys
    found, moving = list(keys), {split_column(contract), group_column(contract)}

    def others(place: int) -> str:
        row = row_at(place)
        return canonical({k: v for k, v in row.items() if k not in moving and v is not None})

    for key, equal in places.items():
        for number, place in enumerate(sorted(equal, key=others)[1:] if equal[1:] else (), 2):
            found[place] = f"{key}#{number}"
    return found


def inputs_of(rows: Sequence[Mapping[str, Any]], contract: Contract) -> list[tuple[Any, ...]]:
    """What a model reads of each row, with its time: equal inputs at another time are another
    thing."""
    names = (*contract.names("input"), *contract.names("time"))
    return list(zip(*([row.get(name) for row in rows] for name in names), strict=True))


def id_of(row: Mapping[str, Any], contract: Contract) -> str:
    """The row's id: its id column where that is filled, otherwise 16 digits of its key's hash."""
    for name in contract.names("id"):
        if row.get(name) is not None:
            return str(row[name])
    return _hashed(key_of(row, contract))


def ids_of(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], contract: Contract) -> list[str]:
    """`id_of` of many rows, whose keys are known."""
    return joined_ids([[row.get(name) for row in rows] for name in contract.names("id")], keys)


def joined_ids(columns: Sequence[Sequence[Any]], keys: Sequence[str]) -> list[str]:
    """`id_of` of rows, from the cells of their id columns and their keys."""
    if not columns:
        return list(map(_hashed, keys))
    own = (
        next((cell for cell in cells if cell is not None), None)
        for cells in zip(*columns, strict=True)
    )
    found = zip(own, keys, strict=True)
    return [_hashed(key) if name is None else str(name) for name, key in found]


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def row_digest(row: Mapping[str, Any]) -> str:
    """sha256 (hex) of one row; a null is the same as an absent column."""
    present = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(canonical(present).encode()).hexdigest()


def row_digests(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`row_digest` of many stored rows."""
    names = set[str]().union(*rows)
    columns = {name: json_cells([row.get(name) for row in rows]) for name in names}
    return column_digests(columns, len(rows))


def column_digests(json: Mapping[str, Sequence[str | None]], rows: int) -> list[str]:
    """`row_digest` of so many rows, from the `json_cells` of each column."""
    parts: list[str] = []
    columns: list[Sequence[str | None]] = []
    for name, cells in sorted(json.items()):
        before = f"{canonical(name)}:"
        if None in cells:  # a null is left out, with its name
            parts.append("%s")
            columns.append([f"{before}{cell}," if cell else "" for cell in cells])
        else:
            parts.append(f"{before.replace('%', '%%')}%s,")
            columns.append(cells)
    text = "".join(parts)
    cells_of_rows = zip(*columns, strict=True) if columns else (() for _ in range(rows))
    texts = (f"{{{(text % cells)[:-1]}}}" for cells in cells_of_rows)
    return [hashlib.sha256(one.encode()).hexdigest() for one in texts]


def json_cells(values: Sequence[Any]) -> list[Any]:
    """Each value as canonical JSON; None for None. Quick for columns of one type."""
    types = set(map(type, values))
    if types == {float} and all(map(math.isfinite, values)):
        return number_texts(values)
    if types <= {str, type(None)}:
        different = set(values)
        if len(different) <= len(values) / 2:
            known = {value: None if value is None else canonical(value) for value in different}
            return [known[value] for value in values]
        return [None if value is None else _json_text(value) for value in values]
    return [None if value is None else canonical(value) for value in values]


def _json_text(value: str) -> str:
    text = encode_basestring(value)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def dataset_digest(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """sha256 (hex) over the sorted row digests, after the sorted column names."""
    return combined(row_digests(rows), columns)


def combined(row_digests: Iterable[str], columns: Sequence[str]) -> str:
    """The dataset digest, from row digests that are already at hand."""
    total = hashlib.sha256(canonical(sorted(columns)).encode())
    for digest in sorted(row_digests):
        total.update(digest.encode())
    return total.hexdigest()
