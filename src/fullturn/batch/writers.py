"""All parts as one file or Delta table, which appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs

from fullturn.batch.files import delta_options, is_remote, storage_of
from fullturn.batch.parts import Parts
from fullturn.core.errors import CouldNotEvaluate, from_system

Tables = Iterator[pa.Table]
_OUT = "out.new"


def finish(parts: Parts, out: str, kind: str) -> None:
    """Write the parts to `out`, in the format `kind`: csv, jsonl, parquet or delta.

    Raises:
        CouldNotEvaluate: it cannot be written there.
    """
    schema = _unified(parts.schemas())
    tables = (_conformed(table, schema) for table in parts.tables())
    try:
        if kind == "delta":
            _delta(out, schema, tables)
        elif is_remote(out):
            system, inner = storage_of(out)
            with system.open_output_stream(inner) as file:
                _write(file, out, kind, schema, tables)
        else:
            _local(Path(out), kind, schema, tables)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and not is_remote(out):
            raise from_system(error) from None
        raise CouldNotEvaluate(
            f"{out} cannot be written: {error}; the predictions are safe: run the same command "
            "again"
        ) from error


def _local(out: Path, kind: str, schema: pa.Schema, tables: Tables) -> None:
    draft = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        with pa.OSFile(str(draft), "wb") as file:
            _write(file, str(out), kind, schema, tables)
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(out)
    finally:
        draft.unlink(missing_ok=True)


def _write(file: pa.NativeFile, out: str, kind: str, schema: pa.Schema, tables: Tables) -> None:
    if kind == "csv":
        _csv(file, schema, tables, "\t" if out.endswith((".tsv", ".tab")) else ",")
    else:
        _WRITERS[kind](file, schema, tables)


def _csv(file: pa.NativeFile, schema: pa.Schema, tables: Tables, separator: str) -> None:
    from pyarrow import csv

    flat = pa.schema([pa.field(one.name, _flat(one.type)) for one in schema])
    options = csv.WriteOptions(quoting_style="needed", delimiter=separator)
    with csv.CSVWriter(file, flat, write_options=options) as writer:
        for table in tables:
            writer.write_table(_conformed(table, flat))


def _jsonl(file: pa.NativeFile, schema: pa.Schema, tables: Tables) -> None:
    import orjson

    del schema
    for table in tables:
        for batch in table.to_batches(max_chunksize=4096):
            lines = (orjson.dumps(row, default=str) for row in batch.to_pylist())
            file.write(b"\n".join(lines) + b"\n")


def _parquet(file: pa.NativeFile, schema: pa.Schema, tables: Tables) -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(file, schema) as writer:
        for table in tables:
            writer.write_table(table)


def _delta(out: str, schema: pa.Schema, tables: Tables) -> None:
    """One commit of a new table."""
    from deltalake import write_deltalake
    from deltalake.exceptions import DeltaError

    batches = (batch for table in tables for batch in table.to_batches())
    try:
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        write_deltalake(out, reader, mode="error", storage_options=delta_options())
    except DeltaError as error:
        raise CouldNotEvaluate(f"{out} cannot be written: {error}") from error


_WRITERS: dict[str, Callable[[pa.NativeFile, pa.Schema, Tables], None]] = {
    "jsonl": _jsonl,
    "parquet": _parquet,
}


def _unified(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of all; of several types, numbers become float64 and others text."""
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            before = types.get(field.name)
            types[field.name] = field.type if before is None else _common(before, field.type)
    fields = [pa.field(name, pa.string() if t == pa.null() else t) for name, t in types.items()]
    return pa.schema(fields)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or other == pa.null():
        return one
    if one == pa.null():
        return other
    numbers = [pa.types.is_integer(t) or pa.types.is_floating(t) for t in (one, other)]
    return pa.float64() if all(numbers) else pa.string()


def _conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        _cast(table.column(field.name), field.type)
        if field.name in table.schema.names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if column.type == wanted:
        return column
    if pa.types.is_nested(column.type):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return pc.cast(column, wanted)


def _flat(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_nested(kind) else kind
