"""A batch reads a file as a commit does, without reading all of it first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fullturn.batch.ahead import ahead
from fullturn.batch.cells import checked_rows
from fullturn.batch.files import open_source
from fullturn.batch.outputs import with_outputs
from fullturn.core.delimited import HEAD
from fullturn.core.entities import Column, Contract, Output
from fullturn.core.errors import DataError
from fullturn.core.settings import DataSettings
from fullturn.data.readers import read, text_form
from fullturn.data.rows import SOURCE

TEXTS = {
    "semicolons and decimal commas": ("Größe;preis\n1.234,5;0,25\n-7,5;1\n", "utf-8", ","),
    "windows": ("name,preis\nMüller,1\nÖzil,2\n", "windows-1252", "."),
    "utf-16 with its mark": ("name\tpreis\nMüller\t1\n", "utf-16", "."),
    "utf-8 with its mark": ("name|preis\nMüller|1\n", "utf-8-sig", "."),
    "sep= and other line ends": ("sep=;\r\nname;preis\r\na;1\r\nb;2\r\n", "utf-8", "."),
    "comments above": ("# a table\nname,preis\na,1\nb,2\n", "utf-8", "."),
    "names and cells of two lines": ('"na\nme",preis\n"a\nb",1\nc,2\n', "utf-8", "."),
    "an unnamed column": (",name\n1,a\n2,b\n", "utf-8", "."),
    "row names without a name": ("name,preis\n1,a,5\n2,b,6\n", "utf-8", "."),
    "a separator in a quoted cell": ('"a;b",c\n1,2\n3,4\n', "utf-8", "."),
    "blanks": ("name  n m\na    1 2\nb   10 3\nc    5 4\n", "utf-8", "."),
    "points between thousands": ("preis;name\n1.234;a\n1.234,5;b\n", "utf-8", ","),
    "empty lines": ("\nname,preis\n\na,1\n\nb,2\n", "utf-8", "."),
}


def both(path: Path, settings: DataSettings) -> tuple[list[Any], list[Any]]:
    """The rows as a commit reads them, and as a batch does."""
    rows = [
        {k: v for k, v in row.items() if k != SOURCE} for row in read([path], settings=settings)
    ]
    source = open_source(str(path), lambda file, chunks: text_form(file, chunks, settings))
    names = source.names
    columns = tuple(Column(name, "text", "input", required=False) for name in names)
    contract = Contract(columns, key=names)
    found: list[Any] = []
    for batch in source.batches():
        found += checked_rows(batch, contract, source.numerals).rows
    return rows, found


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_as_a_commit_reads_it(tmp_path: Path, name: str) -> None:
    text, encoding, decimal = TEXTS[name]
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    marked = encoding in ("utf-16", "utf-8-sig")
    settings = DataSettings(encoding=None if marked else encoding, decimal=decimal)  # type: ignore[arg-type]
    rows, found = both(path, settings)
    assert found == rows and len(rows) > 0


def test_bytes_far_below_decide_on_the_encoding_that_is_set(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"name,n\n" + b"plain,1\n" * (HEAD // 8 + 10) + "Müller,2\n".encode("cp1252"))
    rows, found = both(path, DataSettings(encoding="windows-1252"))
    assert found == rows and found[-1]["name"] == "Müller"
    with pytest.raises(DataError, match=r"set encoding in \[data\]"):
        list(open_source(str(path), lambda f, c: text_form(f, c, DataSettings())).batches())


def test_json_lines_have_the_encoding_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"name": "Müller"}\n'.encode("cp1252"))
    rows, found = both(path, DataSettings(encoding="windows-1252"))
    assert found == rows == [{"name": "Müller"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04sheet", "Excel workbook"),
        (b"<!doctype html><p>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("name\nMüller\n".encode("cp1252"), "windows-1252"),
        (b"a,a\n1,2\n", "'a' occurs twice"),
        (b" \n", "empty"),
    ],
)
def test_what_is_no_table_is_named_as_in_a_commit(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        open_source(str(path), lambda f, c: text_form(f, c, DataSettings()))


@pytest.mark.parametrize(
    ("outputs", "columns"),
    [
        (
            [{"label": "a", "p": {"a": 0.5, "b": 0.5}}, None,
             {"label": "b", "p": {"a": 0.0, "b": 1.0}}],
            {"label": ["a", None, "b"], "p.a": [0.5, None, 0.0], "p.b": [0.5, None, 1.0]},
        ),
        ([{"p": {"a": 0.5}}, {"p": {"b": 0.5}}], {"p": ['{"a": 0.5}', '{"b": 0.5}']}),
        ([{"v": 1.0, "new": {"c": "x"}}, {"v": 2}], {"v": [1.0, 2.0], "new": ['{"c": "x"}', None]}),
        ([{"v": 1}, {"v": "one"}], {"v": ["1", "one"]}),
        ([{"v": [1, "a"]}, {"v": None}], {"v": ['[1, "a"]', None]}),
    ],
)  # fmt: skip
def test_outputs_become_columns(outputs: list[Output | None], columns: dict[str, Any]) -> None:
    import pyarrow as pa

    batch = pa.record_batch({"x": list(range(len(outputs)))})
    found = with_outputs(batch, outputs, None).drop_columns(["x"]).to_pydict()
    assert found == {f"predicted_{name}": values for name, values in columns.items()}


def test_items_made_ahead_come_in_order_and_errors_in_their_place() -> None:
    def items() -> Any:
        yield from range(1, 4)
        raise DataError("the fourth")

    found = []
    with pytest.raises(DataError, match="the fourth"):
        for item in ahead(items()):
            found.append(item)
    assert found == [1, 2, 3]


def test_no_more_is_made_ahead_than_asked_for() -> None:
    made = []

    def items() -> Any:
        for number in range(1, 10):
            made.append(number)
            yield number

    taken = ahead(items(), most=2)
    assert next(taken) == 1
    taken.close()  # type: ignore[attr-defined]
    assert len(made) <= 3
