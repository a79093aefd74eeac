"""What the columns of a table are, and what its label asks for, from the cells as they are written.

Every answer comes with its reason, one short sentence, so that a person can correct it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, Literal

from fullturn.core.entities import EqualRows, Kind
from fullturn.core.spelling import (
    FALSE,
    MISSING,
    TRUE,
    date_text,
    has_unclear_order,
    is_day_first,
)
from fullturn.core.wording import shown
from fullturn.data.rows import PROBLEM, SOURCE, SPLITS

Task = Literal["classification", "regression"]
NEARLY_ALL = 0.95
"""The share of cells that makes a column one of numbers, or of dates, although some differ."""
MOST_CLASSES = 20
"""A label with more distinct whole numbers is a quantity."""
_BY_CHANCE = 0.1
FEW = 20
"""Fewer distinct values say nothing of a column of identifiers."""
_WORDS = 3
"""Words of a cell, on average, from which many different cells are free text."""
_LONG = 80
_NAMED_ID = ("id", "uuid", "guid", "index", "rownames", "row", "rowid", "key")


@dataclass(frozen=True, slots=True)
class InferredColumn:
    """What a column seems to be. One without a kind is proposed to be ignored."""

    name: str
    kind: Kind | None
    reason: str
    """A short sentence, such as "12 different values"."""
    missing: int = 0
    """Cells that are empty, or hold what tools write for a missing value."""
    others: int = 0
    """Cells that are not of this kind: numbers that are text, dates that are none."""
    day_first: bool | None = None
    """Of dates such as 31/12/2023: whether the day comes first; None if nothing says it."""

    @property
    def is_optional(self) -> bool:
        """Whether the column has empty cells."""
        return self.missing > 0


@dataclass(frozen=True, slots=True)
class Inference:
    """The columns besides the label, in order; and the label: its kind, and what it asks for."""

    columns: tuple[InferredColumn, ...]
    label: InferredColumn
    task: Task
    task_reason: str
    day_first: bool | None = None
    """What comes first in dates such as 1/5/2024; None if there is none, or nothing says it."""
    day_first_reason: str = ""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds of the columns that a model can read."""
        return {one.name: one.kind for one in self.columns if one.kind}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that are proposed to be ignored."""
        return tuple(one.name for one in self.columns if one.kind is None)


def infer(
    rows: Sequence[Mapping[str, Any]],
    label: str,
    named: Iterable[str] = (),
    task: Task | None = None,
    day_first: bool | None = None,
) -> Inference:
    """What the columns of these rows are; each row is a mapping from column to a written cell. A
    column `split` with names of splits is left out.

    `named` are columns whose role is known (an id, a group, a time): they are never proposed to
    be ignored. `task` is what the label asks for, and `day_first` what comes first in dates such
    as 1/5/2024, if that is known; otherwise a date such as 31/12/2023 says it for all.

    Raises:
        KeyError: no row has the label's column.
    """
    rows = [row for row in rows if PROBLEM not in row]
    names = columns_of(rows)
    if label not in names:
        raise KeyError(label)
    known = frozenset(named)
    cells_of = {
        name: [row.get(name) for row in rows]
        for name in names
        if name != label and (name != "split" or name in known or not _is_split(rows))
    }
    columns = {
        name: column_of(name, cells, known=name in known, day_first=day_first)
        for name, cells in cells_of.items()
    }
    order, order_reason = _order(columns.values()) if day_first is None else (day_first, "")
    if order != day_first:
        for name in [name for name, one in columns.items() if _is_unclear(one)]:
            columns[name] = column_of(name, cells_of[name], known=name in known, day_first=order)
    columns = _without_doubles(columns, label)
    cells = _label_cells(row.get(label) for row in rows)
    found, why = _task(cells) if task is None else (task, "as you said")
    kind: Kind = "number" if found == "regression" else "category"
    if kind == "category" and cells and _are_truths(cells, _TRUE_FALSE):
        kind = "boolean"
    target = InferredColumn(label, kind, why, len(rows) - cells.total())
    return Inference(tuple(columns.values()), target, found, why, order, order_reason)


def _order(columns: Iterable[InferredColumn]) -> tuple[bool | None, str]:
    """What comes first in the dates of a table, and which column says so."""
    saying = [one for one in columns if one.day_first is not None]
    if not saying:
        return None, ""
    counts = Counter(one.day_first for one in saying)
    order = counts.most_common(1)[0][0]
    first = next(one for one in saying if one.day_first == order)
    return order, f"'{first.name}' has dates that can only be read so"


def _is_unclear(column: InferredColumn) -> bool:
    return column.kind in (None, "date", "category") and UNCLEAR_DATES in column.reason


def _without_doubles(
    columns: Mapping[str, InferredColumn], label: str
) -> dict[str, InferredColumn]:
    """Of names that differ only in case, which a Delta table does not distinguish, the first."""
    seen = {label.casefold(): label}
    found: dict[str, InferredColumn] = {}
    for name, one in columns.items():
        other = seen.setdefault(name.casefold(), name)
        why = f"only its case differs from '{other}', and no table can store both: rename it"
        found[name] = one if other == name else replace(one, kind=None, reason=why)
    return found


def equal_rows(
    rows: Sequence[Mapping[str, Any]], inputs: Sequence[str], label: str
) -> tuple[EqualRows, str]:
    """What to do with rows that are equal in their inputs and label, and why.

    If columns were independent, two rows would be equal with the product of the probabilities
    that they are equal in each column, which are counted among the rows that differ. Where that
    explains a tenth of the equal pairs, few different values make equal rows usual; otherwise some
    are copies.
    """
    rows = [row for row in rows if PROBLEM not in row]
    columns = [[_hashable(row.get(name)) for row in rows] for name in (*inputs, label)]
    counts = Counter(zip(*columns, strict=True))
    equal = _pairs(counts.values())
    if not equal:
        return "group", ""
    different, count = len(counts), len(rows)
    chance = math.prod(
        _pairs(Counter(column).values()) / _pairs([max(2, different)])
        for column in zip(*counts, strict=True)
    )
    inputs_alone = Counter(zip(*columns[:-1], strict=True))
    shared = sum(n for n in inputs_alone.values() if n > 1)
    what = f"{shared:,} of {count:,} rows have the inputs of another"
    if chance * _pairs([count]) >= _BY_CHANCE * equal:
        return "separate", f"{what}, as few different values make it: each counts"
    return "group", f"{what}: all remain, and share a split"


def _pairs(counts: Iterable[int]) -> int:
    """How many pairs there are in groups of so many."""
    return sum(n * (n - 1) // 2 for n in counts)


def are_truths(cells: Iterable[Any]) -> bool:
    """Whether all of these cells say true or false: `True`, `true`, 1, `0`."""
    words = frozenset({"true", "false", "1", "0", "1.0", "0.0"})
    return _are_truths([str(cell) for cell in cells], words)


def columns_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The columns that any of these rows has, in order."""
    names = dict.fromkeys(chain.from_iterable(rows))
    return tuple(name for name in names if name not in (SOURCE, PROBLEM))


def misnamed(rows: Sequence[Mapping[str, Any]], named: Iterable[str]) -> tuple[str, ...]:
    """Columns called `group` or `split`, in any case, that nobody named, and that would be taken
    for it.

    A column `split` whose cells are names of splits is one.
    """
    known = frozenset(named)
    others = [name for name in columns_of(rows) if name not in known]
    found = [name for name in others if name.casefold() in ("group", "split")]
    return tuple(name for name in found if name != "split" or not _is_split(rows))


def _is_split(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the column `split` has names of splits."""
    return {str(row.get("split") or "").strip() for row in rows} - {""} <= set(SPLITS)


def column_of(
    name: str, cells: Sequence[Any], *, known: bool = False, day_first: bool | None = None
) -> InferredColumn:
    """What one column is, from all its cells."""
    found = _present(cells)
    missing = len(cells) - found.total()
    order = day_first
    if day_first is None:
        says = {is_day_first(cell) for cell in found if isinstance(cell, str)} - {None}
        order = says.pop() if len(says) == 1 else None
    kind, reason, others = _kind(name, found, missing, order)
    if known and kind is None:
        numbers = bool(found) and all(_as_number(one) is not None for one in found)
        kind = "number" if numbers else "category"
    dates = kind == "date" and any(isinstance(one, str) and has_unclear_order(one) for one in found)
    return InferredColumn(name, kind, reason, missing, others, order if dates else None)


_TRUE_FALSE = frozenset({"true", "false"})
_ONE_ZERO = frozenset({"1", "0", "1.0", "0.0"})
_Guess = tuple[Kind | None, str, int]


def _kind(name: str, cells: Counter[Any], missing: int, day_first: bool | None) -> _Guess:
    if not cells:
        return None, "it is empty in every row", 0
    if odd := _structure(cells):
        return odd
    if len(cells) == 1 and not missing:
        return None, f"it is {shown(next(iter(cells)))} in every row", 0
    found = _truth(name, cells) or _number(name, cells) or _date(cells, day_first)
    return found or _words(name, cells)


def _structure(cells: Counter[Any]) -> _Guess | None:
    odd = next((cell for cell in cells if isinstance(cell, _Unreadable)), None)
    if odd is None:
        return None
    return None, f"its cells are of type {odd.kind}, which no built-in model reads", 0


def _truth(name: str, cells: Counter[Any]) -> _Guess | None:
    written = sorted({str(cell).strip() for cell in cells})
    if len({text.lower() for text in written} & _ONE_ZERO) or not _are_truths(cells, TRUE | FALSE):
        return None
    return "boolean", f"only {' and '.join(written[:4])}", 0


def _are_truths(cells: Iterable[Any], words: frozenset[str]) -> bool:
    return all(
        isinstance(cell, bool) or (isinstance(cell, str) and cell.strip().lower() in words)
        for cell in cells
    )


def _number(name: str, cells: Counter[Any]) -> _Guess | None:
    numbers: Counter[float] = Counter()
    others: Counter[Any] = Counter()
    codes = 0
    for cell, count in cells.items():
        number = _as_number(cell)
        if number is None:
            others[cell] += count
        else:
            numbers[number] += count
            codes += _is_code(cell)
    good, bad = numbers.total(), others.total()
    if not numbers or good < NEARLY_ALL * (good + bad) or (bad and len(numbers) <= FEW):
        return None
    if codes:
        return "category", "numbers with leading zeros are codes", 0
    if bad:
        return "number", f"numbers, but {_some(others)}", bad
    if why := _row_number(name, numbers):
        return None, why, 0
    return "number", f"numbers from {min(numbers):g} to {max(numbers):g}", 0


def _as_number(cell: Any) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        return None
    if isinstance(cell, str) and "_" in cell:
        return None
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_code(cell: Any) -> bool:
    text = cell.strip() if isinstance(cell, str) else ""
    return len(text) > 1 and text[0] == "0" and text.isdecimal() and text.strip("0") != ""


def _row_number(name: str, numbers: Counter[float]) -> str | None:
    """Why a column of numbers only numbers or names the rows; None if it does not."""
    count = numbers.total()
    if len(numbers) < count or count < FEW or any(not number.is_integer() for number in numbers):
        return None
    first, last = min(numbers), max(numbers)
    if first in (0, 1) and last - first == count - 1:
        return f"it numbers the rows from {first:g} to {last:g}"
    return "it names the rows: a different number in each" if _is_named_id(name) else None


def _is_named_id(name: str) -> bool:
    low = name.lower().replace("-", "_").replace(" ", "_")
    return low in _NAMED_ID or low.endswith(("_id", "_uuid", "_key")) or name.endswith("ID")


UNCLEAR_DATES = "of which day or month may be first"


def _date(cells: Counter[Any], day_first: bool | None) -> _Guess | None:
    dates = {cell: text for cell in cells if (text := _as_date(cell, day_first)) is not None}
    good, total = sum(cells[cell] for cell in dates), cells.total()
    if dates and good >= NEARLY_ALL * total:
        span = f"from {min(dates.values())[:10]} to {max(dates.values())[:10]}"
        others = Counter({cell: n for cell, n in cells.items() if cell not in dates})
        if others:
            return "date", f"dates {span}, but {_some(others)}", others.total()
        return "date", f"dates {span}", 0
    unclear = [cell for cell in cells if isinstance(cell, str) and has_unclear_order(cell)]
    if sum(map(cells.__getitem__, unclear)) < NEARLY_ALL * total:
        return None
    if len({is_day_first(cell) for cell in unclear} - {None}) > 1:
        both = [
            next(one for one in unclear if is_day_first(one) is order) for order in (True, False)
        ]
        return None, f"dates in two orders, such as {both[0]} and {both[1]}", 0
    return None, f"dates such as {unclear[0]}, {UNCLEAR_DATES}", 0


def _as_date(cell: Any, day_first: bool | None) -> str | None:
    if isinstance(cell, str) and not any(mark in cell for mark in "-/. :"):
        return None
    return date_text(cell, day_first) if isinstance(cell, str | date) else None


_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+|[+-]?\d+")


def _words(name: str, cells: Counter[Any]) -> _Guess:
    texts = {str(cell): count for cell, count in cells.items()}
    if all(_DECIMAL_COMMA.fullmatch(text.strip()) for text in texts):
        return None, 'numbers with a comma: if it is decimal, set decimal = "," in [data]', 0
    total, different = sum(texts.values()), len(texts)
    words = sum(len(text.split()) for text in texts) / different
    length = sum(map(len, texts)) / different
    if different > max(FEW, total / 2) and (words >= _WORDS or length > _LONG):
        return "text", f"free text, {words:.0f} words on average", 0
    if different > max(FEW, 0.9 * total):
        return None, f"it names the rows: {different:,} different values in {total:,} rows", 0
    return "category", f"{different:,} different values", 0


def _label_cells(cells: Iterable[Any]) -> Counter[Any]:
    """Filled cells: of numbers without what tools write for a missing one, which may be a class."""
    filled = Counter(map(_hashable, cells))
    for cell in [cell for cell in filled if _is_empty(cell)]:
        del filled[cell]
    numbers = Counter({cell: n for cell, n in filled.items() if not _is_missing(cell)})
    return numbers if numbers and all(_as_number(cell) is not None for cell in numbers) else filled


def _task(cells: Counter[Any]) -> tuple[Task, str]:
    """What a label asks for: a category, or a number."""
    numbers = {_as_number(cell) for cell in cells}
    different = len(cells)
    if not cells or None in numbers:
        return "classification", f"{different:,} different labels"
    whole = all(number is not None and number.is_integer() for number in numbers)
    if whole and len(numbers) <= min(MOST_CLASSES, max(2, cells.total() / 3)):
        return "classification", f"{len(numbers):,} different whole numbers"
    kind = "whole numbers" if whole else "numbers"
    return "regression", f"{len(numbers):,} different {kind}"


def _some(cells: Counter[Any]) -> str:
    first, count = cells.most_common(1)[0][0], cells.total()
    what = f"{count:,} cells are" if count > 1 else "one cell is"
    return f"{what} not, such as {shown(first)}"


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for all cells of a type that no column kind stores."""

    kind: str


def _present(cells: Iterable[Any]) -> Counter[Any]:
    """How often each cell occurs that is not missing."""
    counted = Counter(map(_hashable, cells))
    for cell in [cell for cell in counted if _is_missing(cell)]:
        del counted[cell]
    return counted


def _hashable(cell: Any) -> Any:
    if isinstance(cell, list | dict | tuple | set | bytes | timedelta):
        return _Unreadable(type(cell).__name__)
    if cell is True or cell is False:  # equal to 1 and 0 as a key
        return str(cell)
    return cell


def _is_missing(cell: Any) -> bool:
    return _is_empty(cell) or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float | Decimal) and math.isnan(cell))
