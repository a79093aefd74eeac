"""What a person should know of a version before anything is trained on it, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fullturn.core.entities import Contract
from fullturn.core.spelling import is_number
from fullturn.core.wording import listed, nearest
from fullturn.data import labels
from fullturn.data.contract import CheckedRows
from fullturn.data.rows import Row, group_column, split_column, time_column
from fullturn.data.splits import Assigned

FEW_ROWS = 100
FEW_GROUPS = 10
_MANY_VALUES = 1_000
_NUMBERS = 0.9
_COPIES = 0.05
_EQUAL = {
    "group": "all remain, and those with equal inputs share a split",
    "separate": "each counts as a row of its own",
}


def notes(
    checked: CheckedRows,
    assigned: Assigned,
    contract: Contract,
    periods: dict[str, tuple[str, str]],
    slice_rows: int,
) -> tuple[str, ...]:
    """One sentence for each thing, the most important first.

    `contract` is that of the app; `periods` has the first and last time of each split.
    """
    full = checked.contract
    split = split_column(full)
    examples = [row for row in assigned.rows if row[split] != "reference"]
    return (
        *_time(periods, full),
        *_drawn(assigned, full),
        *_copies(checked, contract),
        *labels.notes(examples, full, slice_rows),
        *_groups(examples, full),
        *_inputs(examples, full),
        *_unnamed(checked.unnamed, contract),
        *_few(examples),
    )


def _time(periods: dict[str, tuple[str, str]], contract: Contract) -> Iterator[str]:
    if periods:
        spans = (f"{split} {first} to {last}" for split, (first, last) in periods.items())
        yield f"split by time, column '{time_column(contract)}': {'; '.join(spans)}"


def _drawn(assigned: Assigned, contract: Contract) -> Iterator[str]:
    if assigned.drawn:
        yield (
            f"no row is named for validation in column '{split_column(contract)}': "
            f"{assigned.drawn:,} train rows are used for it, to compare candidates"
        )


def _copies(checked: CheckedRows, contract: Contract) -> Iterator[str]:
    if equal := checked.equal:
        what = _EQUAL[checked.contract.equal_rows]
        yield (
            f"{equal:,} of {len(checked.rows):,} rows equal an earlier one in all columns that a "
            f"model reads; {what} ([data] equal_rows)"
        )
    copies, rows = checked.duplicates, checked.duplicates + len(checked.rows)
    if copies > _COPIES * rows and not contract.names("id"):
        yield (
            f"{copies:,} of {rows:,} rows are copies of another in all columns that a model reads, "
            "and were dropped: if they are different things, set [data] equal_rows, or name the "
            "column that identifies them as [data] id"
        )


def _groups(examples: Sequence[Row], contract: Contract) -> Iterator[str]:
    group = group_column(contract)
    count = len({row[group] for row in examples})
    if count < FEW_GROUPS <= len(examples) / 5:
        yield (
            f"the rows make only {count} groups (column '{group}'), which are never split: name "
            "another column as [data] group, or leave this one out with [data] ignore"
        )


def _inputs(examples: Sequence[Row], contract: Contract) -> Iterator[str]:
    for column in contract.columns:
        if column.role != "input" or column.kind not in ("text", "category"):
            continue
        counts = Counter(row[column.name] for row in examples if row[column.name] is not None)
        if column.kind == "category" and len(counts) > max(_MANY_VALUES, len(examples) / 2):
            yield (
                f"category column '{column.name}' has {len(counts):,} different values in "
                f"{len(examples):,} rows: it names the rows rather than describes them"
            )
        numbers = sum(count for text, count in counts.items() if is_number(text))
        if column.kind == "text" and numbers >= _NUMBERS * counts.total() > 0:
            yield (
                f"text column '{column.name}' has numbers in {numbers:,} of {counts.total():,} "
                "rows: is it the column that you mean?"
            )


def _unnamed(names: Sequence[str], contract: Contract) -> Iterator[str]:
    known = [column.name for column in contract.columns]
    if names:
        hints = {name: nearest(name, known) for name in names[:50]}
        hint = next((f"; '{name}': {text[2:]}" for name, text in hints.items() if text), "")
        count = f"{len(names):,} column{'s' if len(names) > 1 else ''}"
        yield f"{count} that no model reads: {listed(names)}{hint}"


def _few(examples: Sequence[Row]) -> Iterator[str]:
    if 0 < len(examples) < FEW_ROWS:
        yield (
            f"only {len(examples)} rows: a gate can decide little on so few; some hundred are "
            "needed"
        )
