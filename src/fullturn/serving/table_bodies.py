"""Tables as bodies of requests: CSV and Parquet, read within limits."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import BytesIO, StringIO
from itertools import islice
from typing import Any

from fullturn.core.entities import Contract
from fullturn.core.wording import first_line, shown
from fullturn.serving.inputs import Malformed
from fullturn.serving.replies import Refusal
from fullturn.serving.scoring import Table, require_distinct

_TRUTH = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
_MISSING = frozenset(
    "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,"
    "null".split(",")
)
"""How pandas spells a missing value; here only in columns of numbers, where it is no text."""
_EXPANSION = 32
"""How much larger than the largest body a Parquet file may become when it is read."""
_INDEX = "__index_level_"
"""Begins the names that pandas gives to an index."""
_CODECS = frozenset({"UNCOMPRESSED", "SNAPPY", "LZ4", "LZ4_RAW"})
"""Compressions that cannot make a small body very large; snappy is the default of pandas."""


def of_csv(body: bytes, contract: Contract, most: int) -> Table:
    """The rows of a CSV file with a header; the first `most` and one more.

    Raises:
        Malformed: it is no such file, or not in UTF-8.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"the CSV is not in UTF-8 ({error}); send it in UTF-8", 400) from None
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        lines = (cells for cells in reader if cells)
        columns = next(lines, None)
        if columns is None:
            raise Malformed("the CSV is empty; its first line names the columns", 400)
        require_distinct(columns, contract.names("input"))
        numbers = {c.name for c in contract.columns if c.role == "input" and c.kind == "number"}
        return Table(list(islice(_rows(columns, lines, numbers), most + 1)), columns)
    except csv.Error as error:
        line = reader.line_num
        raise Malformed(f"line {line} of the CSV cannot be read: {error}", 400) from None


def _rows(
    columns: Sequence[str], lines: Iterator[list[str]], numbers: set[str]
) -> Iterator[dict[str, Any]]:
    for number, cells in enumerate(lines, 1):
        if len(cells) > len(columns):
            raise Malformed(
                f"row {number} of the CSV has {len(cells)} cells, its header {len(columns)}", 400
            )
        row: dict[str, Any] = dict.fromkeys(columns)
        row.update(zip(columns, cells, strict=False))
        for name in numbers & row.keys():
            row[name] = _number(row[name])
        yield row


def _number(cell: str | None) -> Any:
    text = cell.strip() if cell else ""
    return None if text in _MISSING else _TRUTH.get(text, text)


def of_parquet(body: bytes, contract: Contract, most: int, largest: int) -> Table:
    """The rows of a Parquet file, at most `most` of them; takes a while to import its reader.

    Columns that the contract lacks are not read, only named.

    Raises:
        Malformed: it is no such file, or a column is nested.
        Refusal: 413 if it has more rows, or is larger than a body of `largest` bytes may become.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(BytesIO(body))
        schema = file.schema_arrow
        require_distinct(schema.names, contract.names("input"))
        _require_small(file.metadata, most, largest)
        read = [name for name in contract.names("input") if name in schema.names]
        texts = [name for name in read if _is_text(schema.field(name))]
        table = parquet.read_table(BytesIO(body), columns=read, read_dictionary=texts)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Malformed(f"the Parquet file cannot be read: {first_line(error)}", 400) from None
    for name in texts:
        _require_short(table.column(name), largest)
    rest = [name for name in schema.names if name not in read and not name.startswith(_INDEX)]
    return Table(_plain(table, rest), [*read, *rest])


def _plain(table: Any, rest: Sequence[str]) -> list[dict[str, Any]]:
    """The rows, with None for NaN, and for columns that were not read."""
    absent = dict.fromkeys(rest)
    return [
        {name: None if value != value else value for name, value in row.items()} | absent  # noqa: PLR0124
        for row in table.to_pylist()
    ]


def _is_text(field: Any) -> bool:
    """Whether a column contains texts.

    Raises:
        Malformed: it is nested, or binary.
    """
    import pyarrow.types as of

    kind = field.type.value_type if of.is_dictionary(field.type) else field.type
    if of.is_nested(kind) or of.is_binary(kind) or of.is_large_binary(kind):
        raise Malformed(f"the column '{field.name}' of the Parquet file is {kind}; send text", 400)
    return bool(of.is_string(kind) or of.is_large_string(kind))


def _require_small(metadata: Any, most: int, largest: int) -> None:
    if metadata.num_rows > most:
        raise Refusal(413, f"{metadata.num_rows} rows in one request; send at most {most}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    codecs = {chunk.compression for chunk in chunks} - _CODECS
    if codecs:
        raise Malformed(
            f"the Parquet file is compressed with {shown(codecs.pop())}; write it with snappy", 400
        )
    if sum(chunk.total_uncompressed_size for chunk in chunks) > _EXPANSION * largest:
        raise Refusal(413, "the Parquet file is too large when it is read; send fewer rows")


def _require_short(column: Any, largest: int) -> None:
    """A dictionary of one long text for many rows is small until it becomes rows."""
    import pyarrow.compute as pc

    size = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        size += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
    if size > _EXPANSION * largest:
        raise Refusal(413, "the Parquet file is too large when it is read; send fewer rows")
