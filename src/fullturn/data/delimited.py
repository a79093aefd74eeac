"""Delimited text to rows: CSV of any separator, as people and their programs write it.

A row that cannot be read is not an error here: it has a `rows.PROBLEM` instead of cells, so that
it can be named together with all others, or dropped.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fullturn.core.errors import DataError
from fullturn.data.rows import PROBLEM, SOURCE, Row

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
_EXCEL = re.compile(r"sep=(.)\r?\n")
"""What Excel reads as the separator of the lines that follow."""
_DECIMAL = re.compile(r"\s*[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+\s*")
_Line = tuple[int, list[str]]


def rows_of(path: Path, text: str, decimal: str = ".") -> Iterator[Row]:
    """The rows under a header line. With a comma as `decimal`, `1.234,5` is read as 1234.5.

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
    yield from _cells_by_name(path, names, body, separator, decimal)


def _cells_by_name(
    path: Path, names: list[str], body: Sequence[_Line], separator: str, decimal: str
) -> Iterator[Row]:
    places = [place for place, name in enumerate(names) if name]
    known = [names[place] for place in places]
    read = _with_point if decimal == "," else str
    plain = len(places) == len(names) and decimal == "."
    for number, cells in body:
        source = f"{path.name}:{number}"
        if len(cells) != len(names):
            yield {PROBLEM: _ragged(cells, len(names), separator), SOURCE: source}
            continue
        found = cells if plain else [read(cells[place]) for place in places]
        row = dict(zip(known, found, strict=True))
        row[SOURCE] = source
        yield row


def _separator(text: str) -> str:
    """The first that is in the header, and as often in the row below; of several, a comma."""
    start = text.lstrip("\r\n")[:262_144]
    possible = []
    for separator in SEPARATORS:
        lines = csv.reader(io.StringIO(start, newline=""), delimiter=separator)
        header, first = _two(lines)
        if len(header) > 1:
            if len(first) in (len(header), len(header) + 1):
                return separator
            possible.append(separator)
    return (*possible, ",")[0]


def _two(lines: Iterator[list[str]]) -> tuple[list[str], list[str]]:
    try:
        filled = filter(None, lines)
        return next(filled, []), next(filled, [])
    except csv.Error:
        return [], []


def _lines(path: Path, text: str, separator: str, excel: bool) -> Iterator[_Line]:
    """Each line that is not empty, with its number in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
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
            raise DataError(f"{path}:1: column '{name}' {what}; rename it")
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


def _with_point(cell: str) -> str:
    return cell.replace(".", "").replace(",", ".") if _DECIMAL.fullmatch(cell) else cell
