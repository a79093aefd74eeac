"""The store, on SQLite and against a real server over HTTP."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fullturn.core import credentials
from fullturn.core.entities import Column, DatasetVersion
from fullturn.core.errors import NotFound, StoreUnavailable
from fullturn.core.records import Point, Span, Traced
from fullturn.store import Pyfunc, Store, rest, save_pyfunc
from tests.conftest import free_port
from tests.store.many import many
from tests.store.plain import logged_steps

DATA = DatasetVersion(
    "d", 1, "ab" * 32, "/d", 3, {"train": 2, "test": 1}, None, 3, 0, 0, "", "me", "2026-01-01"
)


def started(store: Store, name: str = "run") -> str:
    return store.start_run("train", name, {"depth": 3}, {"fullturn.owner": "me"})


def test_a_run_reads_back_as_it_was_written(any_store: Store) -> None:
    run_id = started(any_store)
    any_store.log_points(run_id, [Point("loss", 0.5, 1, 0), Point("loss", 0.25, 2, 1)])
    any_store.log_dataset(run_id, DATA, "training")
    any_store.end_run(run_id, "FINISHED")
    run = any_store.run(run_id)
    assert (run.name, run.kind, run.status) == ("run", "train", "FINISHED")
    assert run.params == {"depth": "3"}
    assert run.metrics == {"loss": 0.25}
    assert run.tags["fullturn.owner"] == "me"


def test_the_same_points_twice_change_nothing(any_store: Store) -> None:
    run_id = started(any_store)
    points = [Point("loss", float(step), 5, step) for step in range(1500)]
    any_store.log_points(run_id, points)
    any_store.log_points(run_id, points)
    assert logged_steps(any_store, run_id, "loss") == list(range(1500))


def test_runs_are_looked_up_by_name_and_by_the_start_of_their_id(any_store: Store) -> None:
    first, second = started(any_store, "twice"), started(any_store, "twice")
    assert [run.id for run in any_store.runs_called("twice")] == [second, first]
    assert [run.id for run in any_store.runs_called(first[:8], "train")] == [first]
    assert [run.id for run in any_store.runs_called(first)] == [first]
    assert any_store.runs_called(first, "gate") == any_store.runs_called("nothing") == []


def test_all_runs_come_back_page_by_page_newest_first(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "PAGE", 3)
    ids = [started(any_store, f"run {n}") for n in range(8)]
    assert {run.id for run in any_store.runs("train")} == set(ids)
    found = any_store.runs()
    assert len(found) == 8
    assert [run.started for run in found] == sorted((r.started for r in found), reverse=True)
    assert len(any_store.runs(limit=5)) == 5 and len(any_store.runs(limit=100)) == 8


def test_runs_are_asked_for_by_kind_status_and_tags_with_any_quotes(any_store: Store) -> None:
    values = ["plain", "it's", 'say "x"', 'it\'s "both"', 'it_s "both"', "a\\'\"b", "50 %"]
    ids = {v: any_store.start_run("train", v, {}, {"fullturn.note": v}) for v in values}
    other = any_store.start_run("gate", "plain", {}, {"fullturn.note": "plain"})
    any_store.end_run(other, "FINISHED")
    for value, run_id in ids.items():
        [run] = any_store.runs("train", tags={"fullturn.note": value})
        assert run.id == run_id
        assert [run.id for run in any_store.runs_called(value, "train")] == [run_id]
    assert [run.id for run in any_store.runs(status="FINISHED")] == [other]
    assert any_store.runs(tags={"fullturn.note": "plain", "fullturn.kind": "alarm"}) == []


def test_more_than_a_thousand_runs_hide_none(store: Store) -> None:
    oldest = started(store, "oldest")
    copied = many(store, oldest, 1500)
    assert [run.id for run in store.runs("train")][-1] == oldest
    assert len(store.runs()) == 1501
    for reference in ("oldest", oldest[:10], oldest):
        assert [run.id for run in store.runs_called(reference, "train")] == [oldest]
    assert [run.id for run in store.runs_called(copied[0])] == [copied[0]]
    assert len(store.runs_called("0000")) == 1500


def test_artifacts_come_back_and_a_missing_one_is_named(any_store: Store) -> None:
    run_id = started(any_store)
    any_store.put_text(run_id, "hello", "evaluation/rows.txt")
    assert any_store.get(run_id, "evaluation/rows.txt").read_text() == "hello"
    with pytest.raises(NotFound, match=r"evaluation/other\.txt"):
        any_store.get(run_id, "evaluation/other.txt")


def test_versions_are_numbered_and_aliased(any_store: Store, tmp_path: Path) -> None:
    run_id = started(any_store)
    folder = tmp_path / "model"
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "x.json").write_text("{}")
    save_pyfunc(folder, Pyfunc("bundle", "fullturn.subjects.bundle", [Column("text")]))
    source = any_store.log_model(run_id, "model", folder, {"fullturn.bundle": "d"}, {"score": 0.5})
    first = any_store.register(any_store.name, source, run_id, {"k": "v"})
    second = any_store.register(any_store.name, source, run_id, {})
    assert (first.version, second.version, first.tags["k"]) == (1, 2, "v")
    assert any_store.run(run_id).metrics["score"] == 0.5
    assert any_store.alias(any_store.name, "champion") is None
    any_store.set_alias(any_store.name, "champion", 2)
    assert any_store.alias(any_store.name, "champion") == 2
    found = any_store.versions(any_store.name)
    assert [(v.version, v.aliases) for v in found] == [(1, ()), (2, ("champion",))]
    assert (any_store.fetch_model(source) / "bundle" / "x.json").read_text() == "{}"


def test_a_prompt_gets_a_new_version_only_for_a_new_text(any_store: Store) -> None:
    name, run_id = f"{any_store.name}-answer", started(any_store)
    texts = ["Answer {{question}}", "Answer {{question}}", "Quote {{question}}"]
    uris = [any_store.prompt(run_id, name, text) for text in texts]
    assert uris[0] == uris[1] != uris[2]


def test_a_trace_keeps_its_steps_and_is_kept_once(any_store: Store) -> None:
    now = time.time_ns()
    whole = Span("answer", "CHAIN", {"question": "why"}, {"answer": "so"}, now, now + 9)
    step = Span("retrieve", "RETRIEVER", {"question": "why"}, ["p1"], now, now + 5)
    record = Traced("ab" * 16, (whole, step), {"fullturn.version": "1"}, "r" * 32)
    any_store.trace(record)
    any_store.trace(record)
    [trace] = any_store.traces()
    assert trace["id"] == "tr-" + "ab" * 16
    assert "so" in trace["response"]
    assert sorted(trace["spans"]) == ["answer", "retrieve"]
    assert trace["tags"]["fullturn.version"] == "1"


def test_a_server_that_is_down_is_named_with_the_next_step(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreUnavailable, match=rf"{address}.*MLFLOW_TRACKING_URI"):
        Store(address, "project", tmp_path).runs()


def test_opening_a_store_imports_no_mlflow() -> None:
    program = (
        "import sys, pathlib, fullturn.store as s; "
        "s.Store('sqlite:///x', 'x', pathlib.Path()); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"mlflow", "sqlalchemy", "pandas"} & set(done.stdout.split())


def test_an_unknown_run_is_not_found(any_store: Store) -> None:
    with pytest.raises(NotFound, match="0{32}"):
        any_store.run("0" * 32)


def test_a_secret_reaches_neither_runs_nor_pages_nor_traces(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-t0p-s3cret\n")
    secret = credentials.secret("MY_API_KEY")
    said = f"ValueError: illegal header b'Bearer {secret}\\n'"
    run = store.start_run("train", f"with {secret}", {"key": secret or ""}, {"a": said})
    store.tag_run(run, {"b": said})
    store.put_text(run, f"<p>{said}", "report.html")
    store.put_text(run, json.dumps({"text": secret}), "rows.json")
    span = Span("answer", "CHAIN", {"q": said}, {"a": [said]}, 1, 2)
    store.trace(Traced("0" * 31 + "1", (span,), {"c": said}, run))
    made = store.register(store.name, f"runs:/{run}/model", run, {"d": said}, said)
    store.tag_version(store.name, made.version, {"e": said})
    store.tag_model(store.name, {"f": said})
    store.prompt(run, "asked", f"Use {secret} for {{{{q}}}}")
    store.prompt(run, "asked", f"Use {secret} for {{{{q}}}}")
    found, [trace] = store.run(run), store.traces()
    assert secret not in f"{found} {trace}" and "Bearer …" in found.tags["a"]
    [version], model = store.versions(store.name), store.registered(store.name)
    for text in (version.tags["d"], version.tags["e"], model.tags["f"]):
        assert text == found.tags["a"]
    assert secret not in store.get(run, "report.html").read_text()
    assert secret in store.get(run, "rows.json").read_text()  # data are not ours to change
    database = Path(store.uri.removeprefix("sqlite:///"))
    assert b"t0p-s3cret" not in b"".join(
        path.read_bytes() for path in database.parent.glob(f"{database.name}*")
    )


def test_the_address_of_a_run_shows_no_password(tmp_path: Path) -> None:
    with_login = Store("postgresql://ada:pass-word@db/mlflow", "x", tmp_path, str(tmp_path))
    assert with_login.link("1" * 32).endswith("postgresql://ada:…@db/mlflow")
