"""Delimited text to rows: CSV of any separator, as people and their programs write it.

A row that cannot be read is not an error here: it has a `rows.PROBLEM` instead of cells, so that
it can be named together with all others, or dropped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from fullturn.core.delimited import TextForm
from fullturn.core.errors import DataError
from fullturn.core.spelling import is_number
from fullturn.data.numerals import Numerals
from fullturn.data.rows import PROBLEM, SOURCE, Row

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar", " ": "a blank"}
_EXCEL = re.compile(r"sep=(.)\r?\n")
"""What Excel reads as the separator of the lines that follow."""
USUAL = Numerals()
_LOOKED_AT = 20
"""Lines that show whether blanks separate cells."""
_Line = tuple[int, list[str]]


def rows_of(path: Path, text: str, numerals: Numerals = USUAL) -> Iterator[Row]:
    """The rows under a header line; numbers are written as `numerals` says.

    A column without a name gets one, `unnamed_1` if it is the first; one that is also empty is
    left out.

    Raises:
        DataError: a name occurs twice or is reserved, or a quoted cell never ends.
    """
    excel = _EXCEL.match(text)
    separator = excel[1] if excel else _separator(text)
    lines = list(_lines(path, text[excel.end() :] if excel else text, separator, bool(excel)))
    if not lines:
        return
    lines = _without_comments(lines)
    (_, header), body = lines[0], lines[1:]
    header, body = _with_index(header, body)
    if len(body) > 1 and all(len(cells) != len(header) for _, cells in body):
        raise DataError(
            f"{path}:{lines[0][0]}: the header has {_count(header)}, and every row another number "
            f"of cells (the first has {len(body[0][1])}): give each column a name, separated like "
            "the cells"
        )
    names = _names(path, header, body)
    yield from _cells_by_name(path, names, body, separator, numerals)


def form_of(
    path: Path, head: str, encoding: str, numerals: Numerals, *, is_whole: bool
) -> TextForm:
    """The separator and the columns of a file by its beginning, as `rows_of` reads them.
    A column without a name has one, also if it is empty.

    Raises:
        DataError: it has no header, or a name occurs twice or is reserved.
    """
    excel = _EXCEL.match(head)
    separator = excel[1] if excel else _separator(head)
    lines: list[_Line] = []
    try:
        lines.extend(_lines(path, head[excel.end() :] if excel else head, separator, bool(excel)))
    except DataError:
        if is_whole or not lines:
            raise
    lines = _without_comments(lines if is_whole else lines[:-1] or lines)
    if not lines:
        raise DataError(f"{path} is empty; it needs a header and rows")
    line, cells = lines[0]
    header, body = _with_index(cells, lines[1:])
    if body and len(body[0][1]) == len(header) + 1:  # each row ends with a separator
        header = [*header, ""]
    names = _names(path, header, body)
    for place, name in enumerate(names):
        names[place] = name or _unused(f"unnamed_{place + 1}", names)
    above = line + sum(cell.count("\n") for cell in cells)
    read = _readers(range(len(names)), body, len(names), numerals) or ()
    return TextForm(encoding, separator, tuple(names), above, dict(zip(names, read, strict=False)))


def _cells_by_name(
    path: Path, names: list[str], body: Sequence[_Line], separator: str, numerals: Numerals
) -> Iterator[Row]:
    places = [place for place, name in enumerate(names) if name]
    known = [names[place] for place in places]
    read = _readers(places, body, len(names), numerals)
    plain = len(places) == len(names) and read is None
    for number, cells in body:
        source = f"{path.name}:{number}"
        if len(cells) != len(names):
            yield {PROBLEM: _ragged(cells, len(names), separator), SOURCE: source}
            continue
        found = cells if plain else [cells[place] for place in places]
        if read is not None:
            found = [one(cell) for one, cell in zip(read, found, strict=True)]
        row = dict(zip(known, found, strict=True))
        row[SOURCE] = source
        yield row


def _readers(
    places: Sequence[int], body: Sequence[_Line], columns: int, numerals: Numerals
) -> list[Callable[[str], str]] | None:
    """What each column's numbers are read by; None if they need nothing."""
    if numerals.is_usual:
        return None
    whole = [cells for _, cells in body if len(cells) == columns]
    return [numerals.reader([cells[place] for cells in whole]) for place in places]


def separator_of(text: str) -> str:
    """What is between the cells of a file with a header line."""
    excel = _EXCEL.match(text)
    return excel[1] if excel else _separator(text)


def _separator(text: str) -> str:
    """The first that is in the header, and as often in the row below; of several, a comma. Without
    any, blanks."""
    start = text.lstrip("\r\n")[:262_144]
    possible = []
    for separator in SEPARATORS:
        lines = csv.reader(io.StringIO(start, newline=""), delimiter=separator)
        header, first = _two(lines)
        if len(header) > 1:
            if len(first) in (len(header), len(header) + 1):
                return separator
            possible.append(separator)
    return (*possible, " " if _is_by_blanks(start) else ",")[0]


def _is_by_blanks(text: str) -> bool:
    """Whether blanks separate cells: as many in each line, and numbers below a name."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=" ", skipinitialspace=True)
    try:
        header, *body = [cells for cells in islice(lines, _LOOKED_AT) if cells]
    except (csv.Error, ValueError):
        return False
    if len(body) < 3 or len(header) < 2 or any(len(cells) != len(header) for cells in body):
        return False
    return any(all(map(is_number, cells)) for cells in zip(*body, strict=True))


def _two(lines: Iterator[list[str]]) -> tuple[list[str], list[str]]:
    try:
        filled = filter(None, lines)
        return next(filled, []), next(filled, [])
    except csv.Error:
        return [], []


def _lines(path: Path, text: str, separator: str, excel: bool) -> Iterator[_Line]:
    """Each line that is not empty, with its number in the file."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=separator == " ",
        strict=True,
    )
    before = 1 if excel else 0
    line = before + 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}:{line}: {error}; a double quote may be missing, or a cell may be too long "
            f"(at most {csv.field_size_limit():,} characters)"
        ) from None


def _without_comments(lines: list[_Line]) -> list[_Line]:
    """Without lines above the header that begin with `#` and have other cells than the rows."""
    start = 0
    while start + 1 < len(lines) and lines[start][1][0].startswith("#"):
        if len(lines[start][1]) == len(lines[-1][1]):
            break
        start += 1
    return lines[start:]


def _count(header: Sequence[str]) -> str:
    return "1 name" if len(header) == 1 else f"{len(header)} names"


def _with_index(header: list[str], body: list[_Line]) -> tuple[list[str], list[_Line]]:
    """The header of rows that all have one cell more: R leaves out the name of the row names, and
    some programs end each row with a separator."""
    if not body or any(len(cells) != len(header) + 1 for _, cells in body):
        return header, body
    if all(not cells[-1] for _, cells in body):
        return header, [(number, cells[:-1]) for number, cells in body]
    return ["", *header], body


def _names(path: Path, header: list[str], body: Sequence[_Line]) -> list[str]:
    """A name for each column; none for a column without a name and without cells."""
    names = [name.strip() for name in header]
    for name in names:
        if name in (SOURCE, PROBLEM) or (name and names.count(name) > 1):
            what = "occurs twice" if names.count(name) > 1 else "is reserved"
            hint = ", or add the header line that is missing" if is_number(name) else ""
            raise DataError(f"{path}:1: column '{name}' {what}; rename it{hint}")
    if all(map(is_number, names)) and not all(map(str.isdecimal, names)):
        raise DataError(
            f"{path}:1: the first line has numbers only: add a header line with the columns' names"
        )
    for place, name in enumerate(names):
        filled = any(cells[place].strip() for _, cells in body if place < len(cells))
        if not name and filled:
            names[place] = _unused(f"unnamed_{place + 1}", names)
    return names


def _unused(name: str, names: Sequence[str]) -> str:
    while name in names:
        name += "_"
    return name


def _ragged(cells: Sequence[str], columns: int, separator: str) -> str:
    what = _NAMES.get(separator, repr(separator))
    return (
        f"{len(cells)} cells under a header of {columns}; put a cell that contains {what} "
        'between double quotes (")'
        if len(cells) > columns
        else f"{len(cells)} cells under a header of {columns}; is the line cut short?"
    )
