"""What changed between two dataset versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.entities import Contract
from fullturn.core.wording import SHOWN, shown
from fullturn.data import tables
from fullturn.data.records import Difference
from fullturn.data.rows import Row, id_of, keys_of, label_columns, split_column


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that only one side has, and rows of both sides with the same key and other content."""

    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]


def compare(
    before: Sequence[Row],
    after: Sequence[Row],
    contract: Contract,
    keys: Sequence[str] | None = None,
) -> Changes:
    """What changed; rows are the same row if their key columns are equal. `keys` are those of the
    rows `after`, if they are known."""
    if not before:
        return Changes(tuple(after), (), ())
    old = dict(zip(keys_of(before, contract), before, strict=True))
    new = dict(zip(keys or keys_of(after, contract), after, strict=True))
    return Changes(
        added=tuple(row for key, row in new.items() if key not in old),
        removed=tuple(row for key, row in old.items() if key not in new),
        changed=tuple(
            (old[key], row)
            for key, row in new.items()
            if key in old and _filled(row) != _filled(old[key])
        ),
    )


def _filled(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def diff(table: Path | str, contract: Contract, before: int, after: int) -> Difference:
    """The difference between two committed versions.

    Raises:
        NotFound: no dataset, or one of the versions does not exist.
        IntegrityError: the rows of one of them differ from their digest.
    """
    head = tables.head(table)
    old, new = (tables.rows(head, tables.record(head, number)) for number in (before, after))
    changes, split = compare(old, new, contract), split_column(contract)
    counts = [Counter(str(row.get(split)) for row in rows) for rows in (old, new)]
    return Difference(
        before,
        after,
        len(changes.added),
        len(changes.removed),
        len(changes.changed),
        examples=_examples(changes, contract),
        labels={name: _shares(name, old, new, split) for name in label_columns(contract)},
        splits={name: (counts[0][name], counts[1][name]) for name in sorted(counts[0] | counts[1])},
    )


def _examples(changes: Changes, contract: Contract) -> dict[str, tuple[tuple[str, str], ...]]:
    def text(row: Row) -> str:
        return shown(row.get(contract.text or contract.key[0]))

    notes = {
        "added": [(row, text(row)) for row in changes.added[:SHOWN]],
        "removed": [(row, text(row)) for row in changes.removed[:SHOWN]],
        "changed": [(new, _edits(old, new)) for old, new in changes.changed[:SHOWN]],
    }
    return {
        kind: tuple((id_of(row, contract), note) for row, note in rows)
        for kind, rows in notes.items()
    }


def _edits(old: Row, new: Row) -> str:
    return ", ".join(
        f"{name}: {shown(old.get(name))} → {shown(new.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _shares(
    column: str, old: Sequence[Row], new: Sequence[Row], split: str
) -> dict[str, tuple[float, float]]:
    before, after = (
        Counter(row[column] for row in rows if row.get(column) and row.get(split) != "reference")
        for rows in (old, new)
    )
    return {
        label: (before[label] / max(before.total(), 1), after[label] / max(after.total(), 1))
        for label in sorted(before | after)
    }
