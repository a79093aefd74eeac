"""Rows against a contract: everything that would harm a model later is refused here, or dropped.

All kinds of problem are named at once. Columns that nobody named are part of the rows, as text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from fullturn.core.entities import Contract
from fullturn.core.errors import DataError
from fullturn.core.spelling import is_number
from fullturn.core.values import extra_text, stored_values
from fullturn.core.wording import SHOWN, lines, listed, nearest, shown
from fullturn.data.rows import (
    HELD_OUT,
    PROBLEM,
    SOURCE,
    Row,
    ids_of,
    keys_of,
    label_columns,
    place,
    split_column,
    stored,
)

OnBadRow = Literal["refuse", "drop"]
MOST_DROPPED = 0.5
"""The largest share of the rows that is dropped; with more of them, something else is wrong."""
DROPPING = 'on_bad_row = "drop" in [data].'
"""How a message ends that offers to drop rows."""
_OF_A_KIND = 3
"""How many rows of a kind are shown where there are several kinds."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: where it is, and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class BadRows(DataError):
    """Rows break the contract; `rows` has them all, the message the first of each kind."""

    def __init__(self, message: str, rows: Sequence[BadRow] = ()) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Rows as they are stored, their keys, and how many copies were dropped.

    `duplicates` were equal in every column; `repeated` were equal in every column but the
    split, and the copy that is held out longest (test, validation, train) remained. `contract`
    is that of the table; it has the columns that nobody named as extra ones.
    """

    rows: tuple[Row, ...]
    duplicates: int
    repeated: int
    keys: tuple[str, ...]
    contract: Contract
    dropped: tuple[BadRow, ...] = ()
    unnamed: tuple[str, ...] = ()
    """Columns of the files that nobody named."""

    @property
    def equal(self) -> int:
        """Rows that equal one before them in all that a model reads, and remained."""
        if self.contract.equal_rows == "drop":
            return 0
        plain = replace(self.contract, equal_rows="drop")
        return len(self.rows) - len(set(keys_of(self.rows, plain)))


def check(
    rows: Sequence[Mapping[str, Any]],
    contract: Contract,
    *,
    ignore: Iterable[str] = (),
    on_bad_row: OnBadRow = "refuse",
) -> CheckedRows:
    """Rows that satisfy the contract, converted to stored values, without the columns in `ignore`.

    Category labels need two different values, each seen twice at least; rows of the split
    `reference` are exempt from that. Rows with the same key must be the same. Rows that break
    this are dropped if that is wanted, and if they are at most half of all rows.

    Raises:
        BadRows: some rows break the contract; names the first of each kind, with file and line.
        DataError: columns are missing, or a label has one value only.
    """
    if not rows:
        raise DataError("there are no rows; give at least one file with rows")
    ignored = frozenset(ignore)
    unnamed = _check_columns(rows, contract, ignored)
    full = stored(contract, unnamed)
    _check_names([column.name for column in full.columns])
    found = _Found(full, _convert(rows, full, ignored))
    found.drop_contradictions()
    found.check_ids()
    found.check_labels(dropping=on_bad_row == "drop")
    found.finish(len(rows), on_bad_row)
    return CheckedRows(
        tuple(found.rows),
        found.duplicates,
        found.repeated,
        tuple(found.keys),
        full,
        tuple(found.bad),
        unnamed,
    )


def _check_columns(
    rows: Sequence[Mapping[str, Any]], contract: Contract, ignored: frozenset[str]
) -> tuple[str, ...]:
    """The columns that nobody named."""
    names = dict.fromkeys(name for row in _distinct(rows) for name in row)
    given = [name for name in names if name not in (SOURCE, PROBLEM) and name not in ignored]
    known = {column.name for column in stored(contract).columns}
    required = [column.name for column in contract.columns if column.required]
    missing = [name for name in required if name not in given]
    unnamed = tuple(name for name in given if name not in known)
    if missing and any(PROBLEM not in row for row in rows):
        raise DataError(_difference(missing, unnamed, ignored, all_of=missing == required))
    return unnamed


def _check_names(names: Iterable[str]) -> None:
    """Delta tables do not distinguish names by case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"columns '{other}' and '{name}' differ only in case, and no table can store both: "
                f"rename '{name}', or leave it out with [data] ignore"
            )


def _distinct(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Rows of which each has other columns than the one before."""
    before: Mapping[str, Any] = {}
    for row in rows:
        if row.keys() != before.keys():
            yield row
        before = row


def _difference(
    missing: Sequence[str], unnamed: Sequence[str], ignored: frozenset[str], *, all_of: bool
) -> str:
    problems = [
        f"column {name!r} is missing"
        + (" because [data] ignore names it" if name in ignored else nearest(name, unnamed))
        for name in missing
    ]
    others = f"\nNobody named: {listed(list(map(shown, unnamed)))}." if unnamed else ""
    hint = " Is there a header line?" if all_of and unnamed else ""
    return f"the columns break the contract:\n{lines(problems)}{others}{hint}"


@dataclass(frozen=True, slots=True)
class _Converted:
    rows: list[Row]
    places: list[str]
    problems: list[BadRow]


def _convert(
    rows: Sequence[Mapping[str, Any]], contract: Contract, ignored: frozenset[str]
) -> _Converted:
    readable = [(n, row) for n, row in enumerate(rows) if PROBLEM not in row]
    given = [row for _, row in readable]
    columns: list[list[Any]] = []
    wrong: dict[int, str] = {}
    for one in contract.columns:
        cells = [None] * len(given) if one.name in ignored else [row.get(one.name) for row in given]
        if (one.role, one.kind) == ("extra", "text"):
            columns.append(list(map(extra_text, cells)))
            continue
        values, problems = stored_values(cells, one)
        columns.append(values)
        wrong = problems | wrong
    names = [one.name for one in contract.columns]
    converted: list[Row] = [
        dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)
    ]
    if not any(one.required for one in contract.columns if one.name in contract.key):
        empty = f"the key ({', '.join(contract.key)}) is empty"
        for n, row in enumerate(converted):
            if n not in wrong and all(row[name] is None for name in contract.key):
                wrong[n] = empty
    places = [place(row, n + 1) for n, row in readable]
    by_line = {readable[n][0]: why for n, why in wrong.items()}
    by_line |= {n: row[PROBLEM] for n, row in enumerate(rows) if PROBLEM in row}
    bad = [BadRow(place(rows[n], n + 1), why) for n, why in sorted(by_line.items())]
    if not wrong:
        return _Converted(converted, places, bad)
    good = [n for n in range(len(given)) if n not in wrong]
    return _Converted([converted[n] for n in good], [places[n] for n in good], bad)


@dataclass(frozen=True, slots=True)
class _Section:
    """What is wrong, the rows, how they are shown, and what to do."""

    title: str
    rows: list[BadRow]
    shown: str
    advice: str = ""

    def __str__(self) -> str:
        return "\n".join(filter(None, [self.title, self.shown, self.advice]))


class _Found:
    """Converted rows, from which more are taken as they are found to be unusable."""

    def __init__(self, contract: Contract, converted: _Converted) -> None:
        self.contract = contract
        self.rows, self.places = converted.rows, converted.places
        self.keys = keys_of(self.rows, contract)
        self.sections: list[_Section] = []
        self.duplicates = self.repeated = 0
        self._fatal: list[str] = []
        self._contradicting: list[Row] = []
        if bad := converted.problems:
            title = f"rows that break the contract: {len(bad)} of {len(bad) + len(self.rows)}"
            self.sections.append(_Section(title, bad, _first_of_each_kind(bad)))

    def drop_contradictions(self) -> None:
        """Leave one of equal rows, and none of those that contradict each other."""
        same: dict[str, list[int]] = defaultdict(list)
        for number, key in enumerate(self.keys):
            same[key].append(number)
        if len(same) == len(self.keys):
            return
        split, unique = split_column(self.contract), []
        about = [c.name for c in self.contract.columns if c.role in ("time", "extra")]
        bad: list[BadRow] = []
        shown_rows: list[str] = []
        for numbers in same.values():
            copies = [self.rows[number] for number in numbers]
            if problem := _contradiction(copies, split, about):
                where = ", ".join(self.places[number] for number in numbers[:SHOWN])
                shown_rows.append(f"{where}: {problem}")
                bad += [BadRow(self.places[number], problem) for number in numbers]
                self._contradicting += copies
                continue
            splits = {copy[split] for copy in copies}
            self.duplicates += len(copies) - len(splits)
            self.repeated += len(splits) - 1
            unique.append(_worthiest(self.rows, numbers, split, about))
        self._keep(unique)
        if bad:
            title = f"keys ({listed(self.contract.key)}) that identify different rows: "
            advice = "Keep one row of each, or correct them."
            section = _Section(f"{title}{len(shown_rows)}", bad, lines(shown_rows), advice)
            self.sections.append(section)

    def check_ids(self) -> None:
        """Each row has an id of its own."""
        counted = Counter(ids_of(self.rows, self.keys, self.contract))
        twice = [name for name, count in counted.items() if count > 1]
        if twice:
            self._fatal.append(
                f"ids of several rows: {len(twice)}, first '{twice[0]}'; give each row its own"
            )

    def check_labels(self, *, dropping: bool) -> None:
        """A label has two values at least, each seen twice."""
        split, alone = split_column(self.contract), {}
        rows = self.rows if dropping else [*self.rows, *self._contradicting]
        for name in label_columns(self.contract):
            values = [row[name] for row in rows if row[split] != "reference"]
            counts = Counter(value for value in values if value is not None)
            if len(counts) == 1:
                self._fatal.append(
                    f"column '{name}' has one label only, {next(iter(counts))!r}; "
                    "a classifier needs at least two"
                )
            once = sorted(label for label, count in counts.items() if count == 1)
            if once and len(once) == len(counts):
                self._fatal.append(
                    f"every row has a label of its own in column '{name}': it is no class; if it "
                    "is a number to predict, the task is regression"
                )
            elif once:
                alone[name] = once
        for name, once in alone.items():
            self._drop_labels(name, frozenset(once), split)
        self._check_numbers(split)

    def _drop_labels(self, name: str, once: frozenset[str], split: str) -> None:
        numbers = [
            number
            for number, row in enumerate(self.rows)
            if row[name] in once and row[split] != "reference"
        ]
        title = f"labels of '{name}' seen only once: {len(once)}"
        advice = "They cannot be in both train and test: add a row to each, merge or drop them."
        if all(map(is_number, once)):
            advice += " If it is a quantity rather than a class, the task is regression."
        bad = [
            BadRow(self.places[number], f"'{name}' is {shown(self.rows[number][name])}, seen once")
            for number in numbers
        ]
        self.sections.append(_Section(title, bad, lines(sorted(map(repr, once))), advice))
        taken = set(numbers)
        self._keep([number for number in range(len(self.rows)) if number not in taken])

    def _check_numbers(self, split: str) -> None:
        for column in self.contract.columns:
            if column.role == "label" and column.kind == "number":
                values = {row[column.name] for row in self.rows if row[split] != "reference"}
                if len(values) == 1 and len(self.rows) > 1:
                    self._fatal.append(
                        f"column '{column.name}' is {next(iter(values))} in every row: there is "
                        "nothing to predict"
                    )

    def finish(self, total: int, on_bad_row: OnBadRow) -> None:
        """Raises BadRows or DataError, if the rows cannot be used."""
        bad, dropping = self.bad, on_bad_row == "drop"
        too_many = len(bad) > MOST_DROPPED * total
        if not self._fatal and (not bad or (dropping and not too_many)):
            return
        text = "\n".join([*map(str, self.sections), *self._fatal])
        if bad and too_many:
            text += (
                f"\nThat is more than half of {total} rows, so they cannot be dropped: correct the "
                "files, or name another column."
            )
        elif bad and not dropping:
            text += f"\nOr leave {_these(len(bad))} out: {DROPPING}"
        raise BadRows(text, bad)

    @property
    def bad(self) -> list[BadRow]:
        """All rows that cannot be used."""
        return [row for section in self.sections for row in section.rows]

    def _keep(self, numbers: Sequence[int]) -> None:
        self.rows = [self.rows[number] for number in numbers]
        self.places = [self.places[number] for number in numbers]
        self.keys = [self.keys[number] for number in numbers]


def _these(count: int) -> str:
    return "this row" if count == 1 else f"these {count} rows"


def _first_of_each_kind(bad: Sequence[BadRow]) -> str:
    kinds: dict[str, list[BadRow]] = defaultdict(list)
    for row in bad:
        kinds[_kind(row.why)].append(row)
    if len(kinds) == 1:
        return lines(list(map(str, bad)))
    shown_rows: list[str] = []
    for rows in kinds.values():
        shown_rows += [f"  {row}" for row in rows[:_OF_A_KIND]]
        more = len(rows) - _OF_A_KIND
        shown_rows += [f"  … and {more} more of this kind"] * (more > 0)
    return "\n".join(shown_rows)


_VALUE = re.compile(r"(?<=is ).*(?=, )|(?<== ).*(?= (?:is|may))|\d[\d,.]*|'[^']*'(?=$)")
"""What differs between two sentences that say the same of two cells."""


def _kind(why: str) -> str:
    return _VALUE.sub("", why)


def _contradiction(copies: Sequence[Row], split: str, about: Sequence[str]) -> str | None:
    """How rows with the same key differ; columns that are only `about` a row may differ."""
    first = copies[0]
    for other in copies[1:]:
        for name, value in other.items():
            mixed = "reference" in (value, first[name]) if name == split else name not in about
            if value != first[name] and mixed:
                return f"the same key, but '{name}' is {shown(first[name])} and {shown(value)}"
    return None


def _worthiest(
    rows: Sequence[Row], numbers: Sequence[int], split: str, about: Sequence[str]
) -> int:
    """Of equal rows the one that is held out longest; whichever file comes first."""

    def rank(number: int) -> tuple[Any, ...]:
        row = rows[number]
        return -_worth(row[split]), [(row[name] is None, row[name] or "") for name in about]

    return min(numbers, key=rank)


def _worth(split: str | None) -> int:
    return HELD_OUT.index(split) if split in HELD_OUT else -1
