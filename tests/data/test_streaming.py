"""Rows of tables that nobody made for fullturn."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from fullturn.core.errors import DataError
from fullturn.data.streaming import stream

ROWS = [{"id": "a", "x": "1"}, {"id": "b", "x": None}]


def cells(path: Path) -> list[dict[str, object]]:
    return [dict(row.cells) for row in stream(path)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "id,x\na,1\nb,\n"),
        ("a.csv", "\ufeffid;x\r\na;1\r\n\r\nb;\r\n"),
        ("a.tsv", "id\tx\na\t1\nb\t\n"),
        ("a.jsonl", '{"id": "a", "x": "1"}\n\n{"id": "b", "x": null}\n'),
    ],
)
def test_a_file_is_read_as_what_it_is(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert cells(tmp_path / name) == ROWS


def test_parquet_a_delta_table_and_a_folder_of_files_are_read(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    write_deltalake(str(tmp_path / "delta"), table)
    (tmp_path / "days").mkdir()
    pq.write_table(table, tmp_path / "days" / "1.parquet")
    (tmp_path / "days" / "2.csv").write_text("id,x\nc,3\n")
    assert cells(tmp_path / "delta") == cells(tmp_path / "days" / "1.parquet") == ROWS
    assert [row.place for row in stream(tmp_path / "days")] == [
        "1.parquet, row 1", "1.parquet, row 2", "2.csv:2"
    ]  # fmt: skip


def test_lines_are_read_as_they_arrive() -> None:
    written: list[int] = []

    class Pipe(io.StringIO):
        def __iter__(self) -> Iterator[str]:  # type: ignore[override]
            for number, line in enumerate(["id,x\n", "a,1\n", "b,2\n"]):
                written.append(number)
                yield line

    rows = stream(Pipe())
    assert next(rows).cells == {"id": "a", "x": "1"}
    assert written == [0, 1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"id,x\na,1,2\n", "a.csv:2: 3 cells under a header of 2"),
        ("a.csv", b"id,id\na,1\n", "column 'id' occurs twice"),
        ("a.csv", b"id\n\xff\n", "not UTF-8 (byte 0xff)"),
        ("a.csv", b'id,x\n"a,1\n', "check its double quotes"),
        ("a.jsonl", b'{"id": 1}\n[1]\n', "a.jsonl:2: [1] is not a JSON object"),
        ("a.jsonl", b'{"id": 1}\n{"id"\n', "a.jsonl:2: not JSON"),
        ("a.parquet", b"nothing", "cannot be read as Parquet"),
        ("a.doc", b"nothing", "unknown kind of file; known: .csv"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        list(stream(tmp_path / name))
    assert said in str(error.value)


def test_a_path_that_is_missing_or_contains_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(stream(tmp_path / "no.csv"))
    with pytest.raises(DataError, match=r"contains no \.csv, .* file and is no Delta table"):
        list(stream(tmp_path))
