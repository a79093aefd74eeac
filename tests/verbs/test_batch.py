"""Whole files: predicted in pieces, resumed after a kill, recorded by their digests."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from fullturn.cli import main
from fullturn.core.errors import (
    AppError,
    Conflict,
    DataError,
    NotFound,
    UsageError,
)
from fullturn.core.locks import file_lock
from fullturn.core.tags import BatchTags
from fullturn.verbs import lineage
from fullturn.verbs.lineage import BatchLineage
from fullturn.verbs.parts import batch
from fullturn.verbs.predict import predict
from fullturn.verbs.workspace import Workspace
from tests.conftest import PYTHONPATH
from tests.verbs.conftest import write_rows
from tests.verbs.toy import messages
from tests.waiting import wait_until

ROWS = [{"number": str(n), **row} for n, row in enumerate(messages(60, seed=9))]
LABEL = "predicted_label"


def written(folder: Path, kind: str) -> Path:
    path = folder / f"in.{kind}"
    if kind == "csv":
        write_rows(path, ROWS)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind == "delta":
        write_deltalake(str(path), pa.Table.from_pylist(ROWS))
    else:
        path.mkdir()
        pq.write_table(pa.Table.from_pylist(ROWS[:40]), path / "a.parquet")
        pq.write_table(pa.Table.from_pylist(ROWS[40:]), path / "b.parquet")
    return path


def read(path: str) -> list[dict[str, Any]]:
    if path.endswith(".csv"):
        with Path(path).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.endswith(".jsonl"):
        return [json.loads(line) for line in Path(path).read_text().splitlines()]
    if Path(path).is_dir():
        found = DeltaTable(path).to_pyarrow_table().to_pylist()  # a table has no order
        return sorted(found, key=lambda row: int(row["number"]))
    return list(pq.read_table(path).to_pylist())


@pytest.fixture
def expected(promoted: Workspace) -> list[str]:
    found = predict(promoted, [{"text": row["text"]} for row in ROWS])
    return [str(one.output["label"]) for one in found]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "delta", "folder"])
def test_a_file_of_any_kind_keeps_its_columns_and_gets_the_predictions(
    promoted: Workspace, expected: list[str], tmp_path: Path, kind: str
) -> None:
    path = written(tmp_path, kind)
    found = predict(promoted, path)
    assert (found.rows, found.failed, found.version, found.resumed) == (60, 0, 1, 0)
    rows = read(found.output)
    assert [row[LABEL] for row in rows] == expected
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    for file, role in ((path, "input"), (Path(found.output), "output")):
        traced = lineage.lineage(promoted, str(file))
        assert isinstance(traced, BatchLineage)
        assert (traced.role, traced.run, traced.lineage.version) == (role, found.run, 1)
        assert (traced.input_digest, traced.output_digest) == (
            found.input_digest,
            found.output_digest,
        )


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet", "out"])
def test_the_name_of_the_output_says_its_format(
    promoted: Workspace, expected: list[str], tmp_path: Path, out: str
) -> None:
    found = predict(promoted, written(tmp_path, "parquet"), out=tmp_path / out)
    assert [row[LABEL] for row in read(found.output)] == expected


def test_an_address_is_read_and_written_too(
    promoted: Workspace, expected: list[str], tmp_path: Path
) -> None:
    address = written(tmp_path, "csv").as_uri()
    with pytest.raises(UsageError, match="--out"):
        predict(promoted, address)
    found = predict(promoted, address, out=f"{tmp_path.as_uri()}/out.csv")
    assert [row[LABEL] for row in read(str(tmp_path / "out.csv"))] == expected
    traced = lineage.lineage(promoted, found.output)
    assert isinstance(traced, BatchLineage)


def test_a_version_that_is_not_champion_may_be_chosen(gated: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    with pytest.raises(NotFound, match="no champion"):
        predict(gated, path)
    assert predict(gated, path, version="1").version == 1
    assert predict(gated, [{"text": ROWS[0]["text"]}], version=1)[0].version == 1


def test_a_bad_row_ends_the_batch_or_has_the_reason(promoted: Workspace, tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[7]["text"] = " "
    write_rows(tmp_path / "in.csv", rows)
    with pytest.raises(DataError, match=r"in\.csv: row 8: 'text' is empty.*--bad-rows error"):
        predict(promoted, tmp_path / "in.csv")
    assert not (tmp_path / "in.predicted.csv").exists()
    found = predict(promoted, tmp_path / "in.csv", bad_rows="error")
    assert (found.rows, found.failed) == (60, 1)
    answered = read(found.output)
    assert answered[7][LABEL] == "" and "'text' is empty" in answered[7]["error"]
    assert all(row[LABEL] and not row["error"] for n, row in enumerate(answered) if n != 7)


def test_a_file_without_a_needed_column_is_refused_before_the_model_is_loaded(
    promoted: Workspace, tmp_path: Path
) -> None:
    write_rows(tmp_path / "in.csv", [{"body": "hello", "n": "1"}])
    with pytest.raises(DataError, match=r"lacks text.*its columns are body, n"):
        predict(promoted, tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("in.csv", b"", "is empty"),
        ("in.csv", b"text\n", "no rows"),
        ("in.csv", b"text,text\na,b\n", "'text' occurs twice"),
        ("in.csv", "text\nGrüße\n".encode("latin-1"), "windows-1252"),
        ("in.csv", b"text,n\na,1\nb\n", "Expected 2 columns, got 1"),
        ("in.jsonl", b'{"text": "a"}\nnope\n', r"in\.jsonl:2: not JSON"),
        ("in.jsonl", b"[1]\n", "not a JSON object"),
        ("in.parquet", b"PAR1 cut off", "cannot be read"),
        ("in.xlsx", b"PK", "unknown kind of file"),
    ],
)
def test_a_file_that_is_none_is_named(
    promoted: Workspace, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"(?s){said}"):
        predict(promoted, tmp_path / name)


def test_an_output_that_exists_is_never_overwritten(promoted: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    (tmp_path / "in.predicted.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"in\.predicted\.csv exists"):
        predict(promoted, path)
    assert (tmp_path / "in.predicted.csv").read_text() == "mine"
    with pytest.raises(UsageError, match="says no format"):
        predict(promoted, path, out=tmp_path / "out.xlsx")


def test_a_changed_file_has_no_lineage(promoted: Workspace, tmp_path: Path) -> None:
    found = predict(promoted, written(tmp_path, "csv"))
    with Path(found.output).open("a") as file:
        file.write("60,more,x\n")
    with pytest.raises(NotFound, match="no recorded batch"):
        lineage.lineage(promoted, found.output)


def test_two_processes_do_not_predict_the_same_file(promoted: Workspace, tmp_path: Path) -> None:
    path, held = written(tmp_path, "csv"), []

    def hold(what: str, done: int, total: int) -> None:
        (lock,) = (promoted.state / "batches").glob("*.lock")
        with pytest.raises(Conflict, match="fullturn predict"), file_lock(lock, "another"):
            pass
        held.append(lock)

    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(batch, "PART_ROWS", 10)
        predict(promoted, path, progress=hold)
    assert held


def test_what_was_done_before_an_error_is_not_done_again(
    promoted: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PART_ROWS", 20)
    monkeypatch.setattr(batch, "CALL_ROWS", 20)
    path = written(tmp_path, "csv")

    def stop(what: str, done: int, total: int) -> None:
        if done == 40:
            raise AppError("power cut")

    with pytest.raises(AppError, match="power cut"):
        predict(promoted, path, progress=stop)
    assert not (tmp_path / "in.predicted.csv").exists()
    found = predict(promoted, path)
    whole = predict(promoted, path, out=tmp_path / "again.csv")
    assert (found.resumed, whole.resumed) == (40, 0)
    assert found.output_digest == whole.output_digest
    assert BatchTags.read(promoted.store.run(found.run).tags).resumed == 40
    assert not list((promoted.state / "batches").glob("*/*"))


@pytest.mark.slow
def test_a_batch_goes_on_after_a_kill(promoted: Workspace, tmp_path: Path) -> None:
    write_rows(tmp_path / "in.csv", [{"n": str(n), "text": "refund me"} for n in range(30_000)])
    code = (
        "import sys, time; from fullturn.verbs.parts import batch\n"
        "from fullturn.verbs.predict import predict\n"
        "from fullturn.verbs.workspace import Workspace; from pathlib import Path\n"
        "batch.PART_ROWS = batch.CALL_ROWS = 1000\n"
        "project = Workspace.open(Path(sys.argv[1]))\n"
        "predict(project, sys.argv[2], progress=lambda *a: time.sleep(.05))"
    )
    words = [sys.executable, "-c", code, str(promoted.root), str(tmp_path / "in.csv")]
    process = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": PYTHONPATH})
    parts = promoted.state / "batches"
    try:
        wait_until("three parts", lambda: len(list(parts.glob("*/*.arrow"))) >= 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = predict(promoted, tmp_path / "in.csv")
    assert 3000 <= found.resumed < 30_000
    assert [row["n"] for row in read(found.output)] == [str(n) for n in range(30_000)]


def test_the_command_takes_a_file(
    promoted: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "csv")
    base = ["-C", str(promoted.root)]
    assert _run(*base, "predict", str(path), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["rows"], record["version"]) == (60, 1)
    assert _run(*base, "lineage", record["output"]) == 0
    assert f"run {record['run']}" in capsys.readouterr().out
    assert _run(*base, "predict", "text=hello", "--out", "x.csv") == 2
    assert _run(*base, "predict", "nowhere.csv") == 2
    assert "does not exist" in capsys.readouterr().err


def _run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)
