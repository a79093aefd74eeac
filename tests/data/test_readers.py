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
from fullturn.core.settings import DataSettings
from fullturn.data.readers import read
from fullturn.data.rows import PROBLEM, SOURCE
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
        ("a.csv", "_source\nb\n", r"a\.csv:1: column '_source' is reserved"),
        ("a.csv", 'text,label\nok,a\n"never closed,b\nx,a\n', r"a\.csv:3: .*double quote"),
        ("a.csv", 'text,label\n"half" quoted,b\n', r"a\.csv:2: ',' expected after '\"'"),
        ("a.csv", b"text,label\nok,a\ncaf\xe9,b\n", r"a\.csv:3: not UTF-8 at byte 19 \(0xe9\)"),
        ("a.csv", "text\nx\n".encode("utf-16-le"), r"a\.csv is full of zero bytes: .*UTF-16"),
        ("a.csv", b"\xff\xfea", r"a\.csv:1: not UTF-16 at byte 2"),
        ("a.csv", b"\xef\xbb\xbf\xe9", r"a\.csv:1: not UTF-8"),
        ("a.xlsx", b"PK\x03\x04 and more", r"a\.xlsx is an Excel workbook .*save the sheet as CSV"),
        ("a.csv", b"\xd0\xcf\x11\xe0", r"a\.csv is an Excel workbook"),
        ("a.csv", "\n<!DOCTYPE html><html>", r"a\.csv is a web page, not data; download the raw"),
        ("a.csv", b"\x1f\x8b\x08", r"a\.csv is compressed; unpack it"),
        ("a.csv", "PAR1", r"a\.csv is a Parquet file; name it a\.parquet"),
        (
            "a.parquet",
            "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n",
            r"a\.parquet is a pointer of Git LFS.*`git lfs pull`",
        ),
        ("a.csv", f"text\n{'x' * 1_000_000}\n", r"a\.csv:2: .*at most 131,072 characters"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: \[1\] is not a JSON object"),
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text;n\none, two;1\n"),
        ("a.csv", "text\tn\none, two\t1\n"),
        ("a.tsv", "text\tn\none, two\t1\n"),
        ("a.csv", "text|n\r\none, two|1\r\n"),
        ("a.csv", 'text,n\n"one, two",1\n'),
        ("a.csv", "sep=;\ntext;n\none, two;1\n"),
        ("a.csv", '\ufeffsep=,\r\ntext,n\r\n"one, two",1\r\n'),
        ("a.csv", 'text,n\n"one, two",1\n'.encode("utf-16")),
        ("a.csv", 'text,n,\n"one, two",1,\n'),
        ("a.csv", 'text,n\n"one, two",1,\n'),
    ],
)
def test_separators_encodings_and_empty_columns_are_recognised(
    tmp_path: Path, name: str, content: bytes | str
) -> None:
    assert bare(read([written(tmp_path, name, content)])) == [{"text": "one, two", "n": "1"}]


def test_a_separator_is_in_the_header_and_in_the_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "name, first;age\nAda;36\n")
    assert bare(read([path])) == [{"name, first": "Ada", "age": "36"}]


def test_lines_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'sep=,\ntext,n\n"two\nlines",1\nx,2\n')
    assert [row[SOURCE] for row in read([path])] == ["a.csv:3", "a.csv:5"]


@pytest.mark.parametrize("content", [",text\n7,x\n8,y\n", ",text,\n7,x,\n8,y,\n"])
def test_a_column_without_a_name_gets_one(tmp_path: Path, content: str) -> None:
    rows = bare(read([written(tmp_path, "a.csv", content)]))
    assert rows == [{"unnamed_1": "7", "text": "x"}, {"unnamed_1": "8", "text": "y"}]


def test_row_names_of_r_are_a_column_without_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '"text","n"\n"1","x","7"\n"2","y","8"\n')
    assert bare(read([path]))[1] == {"unnamed_1": "2", "text": "y", "n": "8"}


def test_rows_of_another_length_are_noted_instead_of_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,label\nok,a\nyes, it is,b\nsome\n")
    good, long, short = read([path])
    assert bare([good]) == [{"text": "ok", "label": "a"}]
    assert long[PROBLEM].startswith("3 cells under a header of 2; put a cell that contains a comma")
    assert short == {
        PROBLEM: "1 cells under a header of 2; is the line cut short?",
        SOURCE: "a.csv:4",
    }


def test_windows_1252_is_offered_and_read_once_it_is_set(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,label\ncaf\u00e9,b\n".encode("windows-1252"))
    with pytest.raises(DataError, match=r"as Windows-1252 it reads 'caf\u00e9,b': .*encoding = "):
        read([path])
    settings = DataSettings(encoding="windows-1252")
    assert bare(read([path], settings=settings)) == [{"text": "caf\u00e9", "label": "b"}]
    utf8 = written(tmp_path, "b.csv", "text\ncaf\u00e9\n")
    assert bare(read([utf8], settings=settings)) == [{"text": "caf\u00e9"}]
    with pytest.raises(DataError, match="neither UTF-8 nor ascii"):
        read([path], settings=DataSettings(encoding="ascii"))


def test_a_decimal_comma_is_read_once_it_is_set(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text;n\n1,5 kg;1.234,5\n")
    rows = read([path], settings=DataSettings(decimal=","))
    assert bare(rows) == [{"text": "1,5 kg", "n": "1234.5"}]


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


def test_comments_above_the_header_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "# from somewhere\n#a,b\n1,2\n")
    assert bare(read([path])) == [{"#a": "1", "b": "2"}]


def test_a_first_line_that_is_no_header_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "2,good,bad\n1,2,3,4,5\n6,7,8,9,0\n")
    with pytest.raises(DataError, match=r"a\.csv:1: the header has 3 names, and every row another"):
        read([path])


def test_blanks_separate_cells_only_where_each_line_has_as_many_and_numbers(tmp_path: Path) -> None:
    table = written(tmp_path, "a.csv", "'GPA'  PSI\n 2.66 0\n 2.89   0\n3.28 1\n")
    assert bare(read([table]))[2] == {"'GPA'": "3.28", "PSI": "1"}
    texts = written(tmp_path, "b.csv", "two words\na b\nc d\ne f\n")
    assert bare(read([texts]))[0] == {"two words": "a b"}


def test_a_missing_header_line_and_a_file_beside_the_file_are_named(tmp_path: Path) -> None:
    numbers = written(tmp_path, "a.csv", "1.5,2\n2.5,3\n")
    with pytest.raises(DataError, match="the first line has numbers only: add a header line"):
        read([numbers])
    twice = written(tmp_path, "b.csv", "0,0\n1,2\n")
    with pytest.raises(DataError, match="occurs twice; rename it, or add the header line"):
        read([twice])
    (tmp_path / "._c.csv").write_bytes(b"\x00\x05\x16\x07\x00\x02Mac OS X")
    with pytest.raises(DataError, match="what macOS writes beside a file"):
        read([tmp_path / "._c.csv"])


def test_the_mark_at_the_end_of_a_file_of_dos_is_no_content(tmp_path: Path) -> None:
    assert bare(read([written(tmp_path, "a.csv", "a,n\nx,6.2\x1a")])) == [{"a": "x", "n": "6.2"}]
