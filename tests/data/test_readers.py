"""Files become rows, or an error that names the file and the line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core.errors import DataError
from fullturn.data.readers import read
from fullturn.data.rows import SOURCE
from tests.data.samples import steady


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def bare(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name != SOURCE} for row in rows]


def test_csv_cells_stay_strings_and_rows_know_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,n\n"two\nlines",007\n\nNA,\n')
    rows = read([path])
    assert bare(rows) == [{"text": "two\nlines", "n": "007"}, {"text": "NA", "n": ""}]
    assert [row[SOURCE] for row in rows] == ["a.csv:2", "a.csv:5"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", b"\xef\xbb\xbftext,label\r\nhi,a\r\n")
    assert bare(read([path])) == [{"text": "hi", "label": "a"}]


def test_files_of_several_kinds_are_read_in_order(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["p"], "facts": [[["x"]]]}), tmp_path / "c.parquet")
    files = [
        written(tmp_path, "a.csv", "text\nc\n"),
        written(tmp_path, "b.jsonl", '{"text": "j", "facts": [1]}\n\n{"text": "k"}\n'),
        tmp_path / "c.parquet",
    ]
    rows = read(files)
    assert [row["text"] for row in rows] == ["c", "j", "k", "p"]
    assert [row[SOURCE] for row in rows] == [
        "a.csv:2",
        "b.jsonl:1",
        "b.jsonl:3",
        "c.parquet: row 1",
    ]
    assert rows[3]["facts"] == [["x"]]


def test_added_columns_do_not_replace_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"text": "x"}\n{"text": "y", "split": "train"}')
    assert [row["split"] for row in read([path], {"split": "test"})] == ["test", "train"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"a\.csv is empty"),
        ("a.csv", " \n\n", r"a\.csv is empty"),
        ("a.csv", b"\xef\xbb\xbf", r"a\.csv has no rows"),
        ("a.md", b"\xef\xbb\xbf", r"a\.md:1: a chapter begins with"),
        ("a.csv", "text,label\n", r"a\.csv has no rows"),
        ("a.csv", "text,text\na,b\n", r"a\.csv:1: column 'text' occurs twice"),
        ("a.csv", ",text\n0,b\n", r"a\.csv:1: column 1 has no name.*index=False"),
        ("a.csv", "_source\nb\n", r"a\.csv:1: column '_source' is reserved"),
        ("a.csv", "text;label\na;b\n", r"a\.csv:1: cells are not separated by commas"),
        ("a.csv", "text,label\nok,a\nyes, it is,b\n", r"a\.csv:3: 3 cells under a header of 2"),
        ("a.csv", 'text,label\nok,a\n"never closed,b\nx,a\n', r"a\.csv:3: .*double quote"),
        ("a.csv", 'text,label\n"half" quoted,b\n', r"a\.csv:2: ',' expected after '\"'"),
        ("a.csv", b"text,label\nok,a\ncaf\xe9,b\n", r"a\.csv:3: not UTF-8 at byte 19 \(0xe9\)"),
        ("a.csv", "text\n".encode("utf-16"), r"a\.csv:1: not UTF-8 at byte 0 \(0xff\)"),
        ("a.csv", f"text\n{'x' * 1_000_000}\n", r"a\.csv:2: .*at most 131,072 characters"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: not a JSON object"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1: not JSON"),
        ("a.jsonl", b'{"a": "\xff"}', r"a\.jsonl:1: not UTF-8 at byte 7"),
        ("a.parquet", b"PAR1 and then nothing", r"a\.parquet is not a whole Parquet file"),
        ("a.xlsx", "text", r"a\.xlsx: unknown kind of file; known: \.csv"),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read([written(tmp_path, name, content)])


def test_a_missing_file_a_folder_and_no_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"gone\.csv does not exist; check the path"):
        read([tmp_path / "gone.csv"])
    with pytest.raises(DataError, match=r"folder\.csv cannot be read: Is a directory"):
        read([tmp_path / "folder.csv"])
    with pytest.raises(DataError, match="no file was named"):
        read([])


@steady
@given(st.binary(max_size=60))
def test_any_bytes_become_rows_or_a_data_error(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "a.jsonl", "a.md", "a.parquet"):
            try:
                rows = read([written(Path(folder), name, content)])
            except DataError as error:
                assert name in str(error)
            else:
                assert rows and all(SOURCE in row for row in rows)


CHAPTER = """# Data

An introduction.

## Why versions {#why}

First paragraph,
on two lines.

Second   one.

Sources: a book.

## Two {#two}

Body.

Sources: another.
"""


def test_sections_of_a_chapter_become_reference_rows(tmp_path: Path) -> None:
    rows = read([written(tmp_path, "04-data-care.md", CHAPTER)])
    assert rows[0] == {
        "kind": "passage",
        "id": "data-care/why",
        "group": "data-care/why",
        "title": "Why versions",
        "chapter": "data-care",
        "text": "First paragraph, on two lines.\n\nSecond one.",
        "sources": "a book.",
        "split": "reference",
        SOURCE: "04-data-care.md:5",
    }
    assert [row["id"] for row in rows] == ["data-care/why", "data-care/two"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# Data", "Data", r"x\.md:1: a chapter begins with '# Title'"),
        ("{#two}", "", r"x\.md:14: '## Two ' is not '## Heading"),
        ("{#two}", "{#why}", r"x\.md:14: .* with an anchor of its own"),
        ("Body.\n", "", r"x\.md:14: the section has no text"),
        ("Sources: a book.", "", r"x\.md:5: the section does not end with a line 'Sources: "),
        ("## ", "", r"x\.md has no rows"),
    ],
)
def test_a_broken_chapter_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read([written(tmp_path, "x.md", CHAPTER.replace(old, new))])


def test_the_installed_handbook_can_be_read() -> None:
    import fullturn

    folder = Path(fullturn.__file__).parent / "demo" / "examples" / "assistant" / "handbook"
    rows = read(sorted(folder.glob("*.md")))
    assert len({row["id"] for row in rows}) == len(rows) > 100
    assert json.dumps(rows)
