"""Files, folders and Delta tables as a stream of Arrow batches.

An address with a scheme, such as `s3://bucket/rows.parquet`, is read through Arrow's file systems
(S3, GCS, Azure, HDFS), with the logins that those find in the environment: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, and of another service `AWS_ENDPOINT_URL`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs

from fullturn.core.delimited import HEAD, FormOf, TextForm
from fullturn.core.errors import CouldNotEvaluate, DataError
from fullturn.core.parsing import json_object
from fullturn.core.wording import listed

Batches = Iterator[pa.RecordBatch]
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Formats of files by the ending of their names; a folder with `_delta_log` is a Delta table."""
_BLOCK = 4 << 20
"""Bytes of a CSV file that are parsed at a time."""
_ROWS = 8192
"""Rows of other files that are read at a time."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to predict, opened."""

    path: str
    format: str
    names: tuple[str, ...]
    """Its columns; of JSON lines those of the first row."""
    digest: str
    """sha256 of the content; of what is not on this machine, of the names, sizes and times."""
    batches: Callable[[], Batches]
    """Reads it from the start."""
    numerals: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """By column, what makes its texts numbers as Python reads them."""


def open_source(path: str, form_of: FormOf) -> Source:
    """Open a file, a folder of files of one format, or a Delta table.

    `form_of` finds how text is to be read.

    Raises:
        DataError: it does not exist, is empty, or is of no format that is known.
        CouldNotEvaluate: its storage is not reachable.
    """
    try:
        return _open(path, form_of)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def digest_of(path: str) -> str:
    """The digest of a source, without reading its rows; raises as `open_source` does."""
    try:
        if _is_delta(path):
            return _delta(path)[1]
        system, files = _files(path)
        return _digest(system, files)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def is_remote(path: str) -> bool:
    """Whether it is an address, not a path of this machine."""
    return "://" in path


def storage_of(path: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Where a path or an address is, and its path there."""
    if is_remote(path):
        found: tuple[pyarrow.fs.FileSystem, str] = pyarrow.fs.FileSystem.from_uri(path)
        return found
    return pyarrow.fs.LocalFileSystem(), str(Path(path).absolute())


def delta_options() -> dict[str, str]:
    """What deltalake needs besides the environment: an endpoint that is named there with
    http:// is meant so, as Arrow takes it."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint = next((found for name in names if (found := os.environ.get(name))), "")
    return {"allow_http": "true"} if endpoint.startswith("http://") else {}


def format_of(path: str) -> str | None:
    """The format that a name stands for; None if it is none of them."""
    return FORMATS.get(Path(path).suffix.lower())


def _open(path: str, form_of: FormOf) -> Source:
    if _is_delta(path):
        table, digest = _delta(path)
        dataset = table.to_pyarrow_dataset()
        names = tuple(dataset.schema.names)
        return Source(path, "delta", names, digest, lambda: dataset.to_batches(batch_size=_ROWS))
    system, files = _files(path)
    kind = format_of(files[0].path) or ""
    digest = _digest(system, files)
    if kind == "parquet":
        names = _parquet_names(system, files[0].path)
        return Source(path, kind, names, digest, _reading(files, partial(_parquet, system)))
    forms = {one.path: _form(system, one.path, form_of) for one in files}
    first = forms[files[0].path]
    if kind == "csv":
        read = _reading(files, lambda file: _csv(system, file, forms[file]))
        return Source(path, kind, first.names, digest, read, first.numerals)
    read = _reading(files, lambda file: _jsonl(system, file, forms[file]))
    return Source(path, kind, _first_names(path, read), digest, read)


def _form(system: pyarrow.fs.FileSystem, path: str, form_of: FormOf) -> TextForm:
    def chunks() -> Iterator[bytes]:
        with system.open_input_stream(path) as stream:
            while part := stream.read(HEAD):
                yield part

    return form_of(Path(path), chunks)


def _reading(
    files: Sequence[pyarrow.fs.FileInfo], read: Callable[[str], Batches]
) -> Callable[[], Batches]:
    """Reads files one after the other."""

    def batches() -> Batches:
        for file in files:
            try:
                yield from read(file.path)
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise _unreadable(file.path, error) from error

    return batches


def _files(path: str) -> tuple[pyarrow.fs.FileSystem, list[pyarrow.fs.FileInfo]]:
    """The files of a source in the order of their names, all of one known format."""
    system, inner = storage_of(path)
    found = system.get_file_info(inner)
    if found.type == pyarrow.fs.FileType.NotFound:
        raise DataError(f"{path} does not exist; check the path")
    files = [found]
    if found.type == pyarrow.fs.FileType.Directory:
        every = system.get_file_info(pyarrow.fs.FileSelector(inner, recursive=True))
        hidden = ("_", ".")
        files = sorted(
            (one for one in every if one.is_file and not one.base_name.startswith(hidden)),
            key=lambda one: one.path,
        )
    kinds = {format_of(one.path) for one in files}
    if not files or None in kinds or len(kinds) > 1:
        unknown = [one.base_name for one in files if format_of(one.path) is None]
        what = f"unknown kind of file ({listed(unknown)})" if unknown else "no files of one kind"
        raise DataError(f"{path}: {what}; known: {', '.join(FORMATS)}, and Delta tables")
    return system, files


def _digest(system: pyarrow.fs.FileSystem, files: Sequence[pyarrow.fs.FileInfo]) -> str:
    total = hashlib.sha256()
    if isinstance(system, pyarrow.fs.LocalFileSystem):
        if len(files) == 1:
            return _sha256(Path(files[0].path))
        for one in files:
            total.update(f"{Path(one.path).name}\0{_sha256(Path(one.path))}\0".encode())
    else:
        for one in files:
            total.update(f"{one.path}\0{one.size}\0{one.mtime_ns}\0".encode())
    return total.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_delta(path: str) -> bool:
    system, inner = storage_of(path)
    log = system.get_file_info(f"{inner.rstrip('/')}/_delta_log")
    return bool(log.type == pyarrow.fs.FileType.Directory)


def _delta(path: str) -> tuple[Any, str]:
    """The newest version of a Delta table, and a digest of its files."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(path, storage_options=delta_options())
        added = table.get_add_actions(flatten=True)
        columns = (added.column(name).to_pylist() for name in ("path", "size_bytes"))
        files = sorted(zip(*columns, strict=True))
    except DeltaError as error:
        raise DataError(f"{path} is no Delta table that can be read: {error}") from error
    return table, hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _csv(system: pyarrow.fs.FileSystem, path: str, form: TextForm) -> Batches:
    """Cells as text: what they mean is for the contract to say."""
    from pyarrow import csv as reader

    if form.separator == " ":  # of any number of blanks, which Arrow does not read
        yield from _by_blanks(system, path, form)
        return
    names = list(form.names)
    encoding = "utf8" if form.encoding in ("utf-8", "utf-8-sig") else form.encoding
    with system.open_input_stream(path) as stream:
        rows = reader.open_csv(
            stream,
            reader.ReadOptions(
                block_size=_BLOCK, column_names=names, skip_rows=form.above, encoding=encoding
            ),
            reader.ParseOptions(delimiter=form.separator, newlines_in_values=True),
            reader.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        yield from rows


def _by_blanks(system: pyarrow.fs.FileSystem, path: str, form: TextForm) -> Batches:
    with (
        system.open_input_stream(path) as stream,
        io.TextIOWrapper(io.BufferedReader(stream), form.encoding, newline="") as text,
    ):
        cells = filter(None, csv.reader(text, delimiter=" ", skipinitialspace=True))
        rows = islice(cells, 1, None)
        while part := list(islice(rows, _ROWS)):
            columns = [pa.array(column, pa.string()) for column in zip(*part, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, names=list(form.names))


def _jsonl(system: pyarrow.fs.FileSystem, path: str, form: TextForm) -> Batches:
    with (
        system.open_input_stream(path) as stream,
        io.TextIOWrapper(io.BufferedReader(stream), form.encoding, newline="\n") as lines,
    ):
        numbered = enumerate(lines, start=1)
        while part := list(islice(numbered, _ROWS)):
            rows = [json_object(line, f"{path}:{number}") for number, line in part if line.strip()]
            if rows:
                names = dict.fromkeys(name for row in rows for name in row)
                columns = [array_of([row.get(name) for row in rows]) for name in names]
                yield pa.RecordBatch.from_arrays(columns, names=list(names))


def array_of(values: Sequence[Any]) -> pa.Array:
    """Values as Arrow has them; those of several kinds, or nested, as text, the latter as JSON."""
    try:
        if not any(isinstance(value, list | dict) for value in values):
            return pa.array(values)
    except (pa.ArrowException, OverflowError):
        pass
    texts = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    )
    both = zip(values, texts, strict=True)
    return pa.array([None if value is None else text for value, text in both], pa.string())


def _parquet(system: pyarrow.fs.FileSystem, path: str) -> Batches:
    from pyarrow import parquet

    with system.open_input_file(path) as file:
        yield from parquet.ParquetFile(file).iter_batches(batch_size=_ROWS)


def _parquet_names(system: pyarrow.fs.FileSystem, path: str) -> tuple[str, ...]:
    from pyarrow import parquet

    with system.open_input_file(path) as file:
        return tuple(parquet.ParquetFile(file).schema_arrow.names)


def _first_names(path: str, read: Callable[[], Batches]) -> tuple[str, ...]:
    first = next(read(), None)
    if first is None:
        raise DataError(f"{path} has no rows; it needs at least one")
    return tuple(first.schema.names)


def _unreadable(path: str, error: Exception) -> DataError | CouldNotEvaluate:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, UnicodeDecodeError) or "invalid UTF8" in reason:
        return DataError(
            f"{path} is not in the encoding that it begins with: {reason}; set encoding in [data] "
            "of fullturn.toml, or save it as UTF-8"
        )
    if isinstance(error, OSError) and is_remote(path):
        return CouldNotEvaluate(f"{path} is not reachable: {reason}; check the address and login")
    return DataError(f"{path} cannot be read: {reason}; check that it is whole")
