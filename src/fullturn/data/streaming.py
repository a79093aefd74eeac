"""Rows of tables that nobody made for fullturn, one by one: no contract, and nothing is stored.

CSV, JSON lines, Parquet, a Delta table, or a folder of such files; from standard input CSV or JSON
lines, each row as soon as its line is complete.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import TextIOBase
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from fullturn.core.errors import DataError
from fullturn.core.parsing import json_object
from fullturn.core.wording import listed

_SEPARATORS = ",;\t|"
_BATCH = 10_000


Source = str | Path | TextIOBase | Iterable[Mapping[str, Any]]
"""A file or a folder, an open text stream, or rows as mappings."""


class PlacedRow(NamedTuple):
    """A row, and where it is, for messages: `pairs.csv:12`."""

    place: str
    cells: Mapping[str, Any]


def stream(source: Source) -> Iterator[PlacedRow]:
    """The rows of a file, a folder, an open text stream, or of objects that are rows already.

    Cells of CSV are texts, and an empty one is None.

    Raises:
        DataError: there is no such file, or it is not what its name says.
    """
    if isinstance(source, str | Path):
        yield from _files(Path(source))
    elif isinstance(source, TextIOBase):
        yield from _lines(source, "standard input")
    else:
        yield from (PlacedRow(f"row {n}", row) for n, row in enumerate(source, 1))


def _files(path: Path) -> Iterator[PlacedRow]:
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if (path / "_delta_log").is_dir():
        yield from _delta(path)
        return
    files = sorted(one for one in path.iterdir() if _reader(one)) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} contains no {listed(list(_READERS))} file and is no Delta table")
    for file in files:
        reader = _reader(file)
        if reader is None:
            raise DataError(f"{file}: unknown kind of file; known: {listed(list(_READERS))}")
        yield from reader(file)


def _reader(path: Path) -> Callable[[Path], Iterator[PlacedRow]] | None:
    return _READERS.get(path.suffix.lower())


def _text(path: Path) -> Iterator[PlacedRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _lines(file, path.name)


def _lines(lines: Iterable[str], name: str) -> Iterator[PlacedRow]:
    """CSV or JSON lines, by the first line that is not empty."""
    found = iter(lines)
    try:
        first = next((line for line in found if line.strip()), "").removeprefix("\ufeff")
        if first.lstrip().startswith("{"):
            yield from _json_lines(chain([first], found), name)
        elif first:
            yield from _csv(first, found, name)
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 (byte 0x{error.object[error.start]:02x}); "
                        "save it as UTF-8") from None  # fmt: skip


def _json_lines(lines: Iterable[str], name: str) -> Iterator[PlacedRow]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            found = json_object(line, place)
        except DataError:
            if number > 1 and not line.endswith("\n"):
                return  # its writer is not done with it
            raise
        yield PlacedRow(place, found)


def _csv(first: str, rest: Iterator[str], name: str) -> Iterator[PlacedRow]:
    separator = max(_SEPARATORS, key=first.count)
    lines = csv.reader(chain([first], rest), delimiter=separator, strict=True)
    header = _header(next(lines), name)
    try:
        for cells in lines:
            place = f"{name}:{lines.line_num}"
            if _is_header(cells, header):  # files with other columns were joined
                header = _header(cells, name)
                continue
            if cells and len(cells) != len(header):
                raise DataError(
                    f"{place}: {len(cells)} cells under a header of {len(header)}; put a cell that "
                    f"contains {separator!r} between double quotes"
                )
            if cells:
                yield PlacedRow(place, dict(zip(header, (c or None for c in cells), strict=True)))
    except csv.Error as error:
        raise DataError(f"{name}:{lines.line_num}: {error}; check its double quotes") from None


def _is_header(cells: list[str], header: list[str]) -> bool:
    """Whether a line repeats more than half of the header's names."""
    return 2 * len({cell.strip() for cell in cells} & set(header)) > len(header)


def _header(cells: list[str], name: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((cell for cell in names if names.count(cell) > 1), None)
    if twice is not None:
        raise DataError(f"{name}:1: column '{twice}' occurs twice; rename one of them")
    return names


def _parquet(path: Path) -> Iterator[PlacedRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        batches = pq.ParquetFile(path).iter_batches(_BATCH)
        yield from _rows((batch.to_pylist() for batch in batches), path.name)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None


def _delta(path: Path) -> Iterator[PlacedRow]:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        for batch in DeltaTable(str(path)).scan():
            names = batch.schema.names
            columns = [batch.column(name).to_pylist() for name in names]
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            yield from _rows([rows], path.name)
    except DeltaError as error:
        raise DataError(f"{path} cannot be read as a Delta table: {error}") from None


def _rows(batches: Iterable[list[dict[str, Any]]], name: str) -> Iterator[PlacedRow]:
    for number, row in enumerate(chain.from_iterable(batches), 1):
        yield PlacedRow(f"{name}, row {number}", row)


_READERS: Mapping[str, Callable[[Path], Iterator[PlacedRow]]] = {
    ".csv": _text,
    ".tsv": _text,
    ".jsonl": _text,
    ".ndjson": _text,
    ".parquet": _parquet,
}
