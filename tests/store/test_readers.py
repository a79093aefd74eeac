"""One suite over every reader: SQLite and a server, each read lightly and by MLflow's client."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound, StoreUnavailable
from fullturn.core.records import Point, Registered
from fullturn.store import Store, client_reader, rest, sqlite
from fullturn.store.client import connect
from fullturn.store.client_reader import ClientReader
from fullturn.store.connection import light_reader
from fullturn.store.http import Server
from fullturn.store.reading import Reader, RunQuery, Unsure
from fullturn.store.rest import RestReader
from fullturn.store.sqlite import SCHEMAS, SqliteReader
from tests.conftest import free_port

ODD = 'it\'s "odd" – 50 %\n<ü>'
FILES = {
    "note.txt": "hello",
    "evaluation/rows.jsonl": "{}\n{}",
    "evidence/one.json": "1",
    "evidence/deep/two with space.json": "2",
}


@dataclass
class Content:
    """A project on a tracking server, and what was written into it."""

    uri: str
    name: str
    runs: dict[str, str]
    source: str

    def readers(self) -> tuple[Reader, Reader]:
        """The light one, and MLflow's client."""
        light = light_reader(self.uri, self.name)
        assert light is not None
        return light, heavy(self.uri, self.name)


def heavy(uri: str, name: str) -> Reader:
    return ClientReader(uri, name, lambda: connect(uri))


def write(uri: str, folder: Path) -> Content:
    store = Store(uri, f"project-{uuid4().hex[:8]}", folder / "artifacts")
    runs = {
        "whole": store.start_run("train", "whole", {"depth": 3, "odd": ODD, "empty": ""}, {}),
        "open": store.start_run("gate", ODD, {}, {"odd": ODD, "empty": ""}),
        "deleted": store.start_run("train", "deleted", {}, {}),
        "failed": store.start_run("train", "whole", {}, {"a": "1", "b": "2"}),
    }
    values = {
        "loss": 0.25,
        "nan": math.nan,
        "infinite": math.inf,
        "least": -math.inf,
        "tiny": 5e-324,
    }
    store.log_points(runs["whole"], [Point(k, v, 1, 0) for k, v in values.items()])
    store.log_points(runs["whole"], [Point("loss", 0.125, 2, 1), Point("loss", 9.0, 3, 0)])
    store.end_run(runs["whole"], "FINISHED")
    store.end_run(runs["failed"], "FAILED")
    for name, text in FILES.items():
        store.put_text(runs["whole"], text, name)
    source = written_model(store, runs["whole"], folder)
    for number in range(1, 4):
        tags = {"fullturn.number": str(number), "odd": ODD, "empty": ""}
        store.register(store.name, source, runs["whole"], tags, "why")
    store.set_alias(store.name, "champion", 1)
    store.set_alias(store.name, "challenger", 1)
    store.set_alias(store.name, "lost", 2)
    store.tag_model(store.name, {"plan": ODD, "empty": ""})
    store.prompt(runs["whole"], f"{store.name}-prompt", "Answer {{question}}")
    other = Store(uri, f"{store.name}-other", folder / "other")
    other.start_run("train", "another project's", {}, {})
    client = connect(uri)
    client.delete_run(runs["deleted"])
    client.delete_model_version(store.name, "2")
    return Content(uri, store.name, runs, source)


def written_model(store: Store, run_id: str, folder: Path) -> str:
    model = folder / "model"
    (model / "bundle").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}")
    (model / "bundle" / "weights.json").write_text("[1]")
    return store.log_model(run_id, "model", model, {}, {"score": 0.5})


@pytest.fixture(scope="module", params=["sqlite", pytest.param("server", marks=pytest.mark.slow)])
def content(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Content:
    folder = tmp_path_factory.mktemp("content")
    if request.param == "server":
        return write(request.getfixturevalue("server_uri"), folder)
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    return write(f"sqlite:///{folder / 'mlflow.db'}", folder)


@pytest.fixture(params=["light", "client"])
def reader(request: pytest.FixtureRequest, content: Content) -> Reader:
    return content.readers()[request.param == "client"]


def same(one: object, other: object) -> bool:
    """Equal, with NaN equal to NaN."""
    return repr(plain(one)) == repr(plain(other))


def plain(value: object) -> object:
    if isinstance(value, RunRecord):
        parts = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return {name: plain(part) for name, part in parts.items()}
    return sorted(value.items()) if isinstance(value, dict) else value


def test_the_light_reader_is_the_one_of_the_address(content: Content) -> None:
    light, _ = content.readers()
    assert isinstance(light, SqliteReader if content.uri.startswith("sqlite") else RestReader)


def test_a_run_has_its_last_values_and_all_its_text(content: Content, reader: Reader) -> None:
    run = reader.run(content.runs["whole"])
    assert (run.name, run.kind, run.status) == ("whole", "train", "FINISHED")
    assert run.params == {"depth": "3", "odd": ODD, "empty": ""}
    assert run.metrics["loss"] == 0.125 and run.metrics["score"] == 0.5
    assert math.isnan(run.metrics["nan"]) and run.metrics["infinite"] > 1e308
    assert reader.run(content.runs["open"]).tags["odd"] == ODD
    assert reader.run(content.runs["open"]).duration is None
    assert reader.run(content.runs["deleted"]).name == "deleted"


def test_every_run_is_the_same_record_to_both(content: Content) -> None:
    light, client = content.readers()
    for run_id in content.runs.values():
        assert same(light.run(run_id), client.run(run_id))


QUERIES = {
    "all": RunQuery(),
    "kind": RunQuery({"fullturn.kind": "train"}),
    "odd tag": RunQuery({"odd": ODD}),
    "empty tag": RunQuery({"empty": ""}),
    "two tags": RunQuery({"a": "1", "b": "2"}),
    "no such tag": RunQuery({"a": "1", "b": "1"}),
    "status": RunQuery(status="RUNNING"),
    "name": RunQuery(name="whole"),
    "odd name": RunQuery(name=ODD),
    "newest": RunQuery(limit=1),
    "newest of a kind": RunQuery({"fullturn.kind": "train"}, limit=1),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_search_finds_the_same_runs_in_the_same_order(content: Content, query: RunQuery) -> None:
    light, client = content.readers()
    found, expected = light.search(query), client.search(query)
    assert [run.id for run in found] == [run.id for run in expected]
    assert all(map(same, found, expected))


def test_a_search_finds_what_was_asked_for(content: Content, reader: Reader) -> None:
    ids = {name: [one.id for one in reader.search(query)] for name, query in QUERIES.items()}
    known = {run_id: name for name, run_id in content.runs.items()}
    found = {name: sorted(known[one] for one in ids[name]) for name in ids}
    assert found["all"] == ["failed", "open", "whole"]
    assert found["kind"] == found["name"] == ["failed", "whole"]
    assert found["odd tag"] == found["odd name"] == found["status"] == ["open"]
    assert found["two tags"] == ["failed"] and found["no such tag"] == []
    assert ids["newest"] == ids["all"][:1]
    prefix = content.runs["whole"][:8]
    assert [one.id for one in reader.search(RunQuery(id_prefix=prefix))] == [content.runs["whole"]]


def test_pages_are_put_together(
    content: Content, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reader.search(RunQuery()), reader.versions(content.name)
    for module in (rest, client_reader):
        monkeypatch.setattr(module, "PAGE", 1)
    paged = reader.search(RunQuery()), reader.versions(content.name)
    assert [run.id for run in paged[0]] == [run.id for run in whole[0]]
    assert paged[1] == whole[1]


def test_versions_come_without_deleted_ones_and_without_prompts(
    content: Content, reader: Reader
) -> None:
    found = reader.versions(content.name)
    assert [(v.version, v.aliases) for v in found] == [(1, ("challenger", "champion")), (3, ())]
    assert found[0].tags == {"fullturn.number": "1", "odd": ODD, "empty": ""}
    assert (found[0].source, found[0].run_id) == (content.source, content.runs["whole"])
    assert reader.versions(f"{content.name}-prompt") == reader.versions("no such model") == []


def test_versions_and_models_are_the_same_records_to_both(content: Content) -> None:
    light, client = content.readers()
    for name in (content.name, f"{content.name}-prompt", "no such model"):
        assert light.versions(name) == client.versions(name)
        assert light.registered(name) == client.registered(name)
    assert all(isinstance(one, ModelVersion) for one in light.versions(content.name))


def test_a_registered_model_has_aliases_and_tags(content: Content, reader: Reader) -> None:
    found = reader.registered(content.name)
    assert found.aliases == {"champion": 1, "challenger": 1}
    assert found.tags == {"plan": ODD, "empty": ""}
    assert reader.registered("no such model") == Registered({}, {})


def test_the_experiment_is_found_by_its_name(content: Content) -> None:
    light, client = content.readers()
    assert light.experiment() and light.experiment() == client.experiment()
    missing = light_reader(content.uri, "no such project"), heavy(content.uri, "no such project")
    assert [one.experiment() for one in missing if one] == [None, None]
    assert [one.search(RunQuery()) for one in missing if one] == [[], []]


@pytest.mark.parametrize("name", FILES)
def test_an_artifact_is_read_where_it_lies_or_copied(
    content: Content, reader: Reader, name: str, tmp_path: Path
) -> None:
    run_id = content.runs["whole"]
    assert reader.artifact(run_id, name, None).read_text() == FILES[name]
    copy = reader.artifact(run_id, name, tmp_path)
    assert copy == tmp_path / Path(name).name and copy.read_text() == FILES[name]


def test_a_folder_of_artifacts_comes_whole(
    content: Content, reader: Reader, tmp_path: Path
) -> None:
    run_id = content.runs["whole"]
    for folder in (reader.artifact(run_id, "evidence", into) for into in (None, tmp_path)):
        assert texts(folder) == {"one.json": "1", "deep/two with space.json": "2"}
    assert (tmp_path / "evidence" / "one.json").exists()


def test_a_model_comes_whole(content: Content, reader: Reader) -> None:
    found = texts(reader.model(content.source))
    found.pop("registered_model_meta", None)  # MLflow's client writes it beside the files
    assert found == {"MLmodel": "flavors: {}", "bundle/weights.json": "[1]"}


def texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_what_is_not_there_is_said_in_the_same_words(content: Content) -> None:
    run_id = content.runs["whole"]

    def said(reader: Reader) -> list[str]:
        found = []
        for ask in (
            lambda: reader.run("0" * 32),
            lambda: reader.artifact("0" * 32, "x", None),
            lambda: reader.artifact(run_id, "evaluation/none.txt", None),
            lambda: reader.artifact(run_id, "none.txt", None),
        ):
            with pytest.raises(NotFound) as error:
                ask()
            found.append(str(error.value))
        return found

    light, client = content.readers()
    assert said(light) == said(client)


def test_a_light_reader_does_not_leave_the_artifacts_of_a_run(content: Content) -> None:
    light, _ = content.readers()
    for name in ("../x", "/etc/passwd", "a/../../b", "", "a//b"):
        with pytest.raises(Unsure):
            light.artifact(content.runs["whole"], name, None)


def test_a_write_is_seen_by_the_next_read(content: Content, tmp_path: Path) -> None:
    store = Store(content.uri, f"own-{uuid4().hex[:8]}", tmp_path)
    assert store.runs() == [] and store.alias(store.name, "champion") is None
    run_id = store.start_run("train", "one", {}, {})
    store.tag_run(run_id, {"a": "1"})
    assert store.run(run_id).tags["a"] == "1"
    source = written_model(store, run_id, tmp_path)
    store.register(store.name, source, run_id, {})
    store.set_alias(store.name, "champion", 1)
    assert store.alias(store.name, "champion") == 1
    assert store.is_light, "the light reader answered throughout"


# What the light readers leave to the client.


def test_a_database_of_another_schema_is_left_to_the_client(
    sqlite_uri: str, tmp_path: Path
) -> None:
    store = Store(sqlite_uri, "project", tmp_path)
    store.start_run("train", "one", {}, {})
    path = sqlite_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        [(schema,)] = database.execute("SELECT version_num FROM alembic_version").fetchall()
        assert schema in SCHEMAS, "this MLflow's schema is not known: check sqlite.py against it"
        database.execute("UPDATE alembic_version SET version_num = 'next'")
        database.commit()
    light = light_reader(sqlite_uri, "project")
    assert light is not None
    with pytest.raises(Unsure, match="next"):
        light.search(RunQuery())
    assert [run.name for run in store.runs()] == ["one"] and not store.is_light


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////folder/a%20b/mlflow.db",
        "sqlite:////folder/mlflow.db?timeout=1",
        "sqlite+pysqlite:////folder/mlflow.db",
        "postgresql://me@127.0.0.1/mlflow",
        "databricks",
        "mlruns",
        "http://user:password@127.0.0.1:5000",
    ],
)
def test_other_addresses_have_no_light_reader(uri: str) -> None:
    assert light_reader(uri, "project") is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_WORKSPACE", "team"),
        ("MLFLOW_ENABLE_WORKSPACES", "true"),
        ("MLFLOW_TRACKING_AUTH", "plugin"),
        ("MLFLOW_TRACKING_AWS_SIGV4", "true"),
        ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/cert"),
        ("NETRC", "/netrc"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ],
)
def test_logins_and_ways_that_it_does_not_know_are_left_to_the_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Server.of("https://mlflow.example") is not None
    monkeypatch.setenv(variable, value)
    assert light_reader("https://mlflow.example", "project") is None


def test_files_of_passwords_are_left_to_the_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").touch()
    assert light_reader("https://mlflow.example", "project") is None


def test_a_database_that_is_not_there_is_empty_and_is_not_made(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", "project", tmp_path)
    assert store.runs() == store.versions("project") == []
    assert store.registered("project") == Registered({}, {})
    assert not (tmp_path / "mlflow.db").exists()


def test_paths_with_characters_that_mean_something_in_an_address(
    empty_database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a b#c&d=é"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    store = Store(uri, "project", folder)
    run_id = store.start_run("train", "one", {}, {})
    store.put_text(run_id, "hello", "note.txt")
    light = light_reader(uri, "project")
    assert light is not None and light.artifact(run_id, "note.txt", None).read_text() == "hello"
    assert light.run(run_id) == heavy(uri, "project").run(run_id)


def test_a_locked_or_damaged_database_is_left_to_the_client(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.1)
    light = light_reader(sqlite_uri, "project")
    assert light is not None
    path = Path(sqlite_uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unsure, match="locked"):
            light.search(RunQuery())
    assert light.search(RunQuery()) == []
    path.write_text("no database")
    with pytest.raises(Unsure):
        light.search(RunQuery())


class Login(BaseHTTPRequestHandler):
    """A server that asks for a login, and remembers what it was given."""

    given: list[str | None] = []

    def do_GET(self) -> None:
        self.given.append(self.headers["Authorization"])
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def login_uri() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Login) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"MLFLOW_TRACKING_TOKEN": "secret"},
        {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "pä:ss"},
        {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_TOKEN": "secret"},
    ],
)
def test_a_refused_login_is_sent_and_reported_as_by_the_client(
    login_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Login.given.clear()
    light = light_reader(login_uri, "project")
    assert light is not None
    with pytest.raises(Unsure, match="401|Expecting"):
        light.registered("project")
    with pytest.raises(StoreUnavailable) as of_client:
        heavy(login_uri, "project").registered("project")
    assert len(set(Login.given)) == 1
    with pytest.raises(StoreUnavailable) as of_store:
        Store(login_uri, "project", tmp_path).registered("project")
    assert str(of_store.value) == str(of_client.value)
    assert "MLFLOW_TRACKING_TOKEN" in str(of_store.value)


def test_a_server_that_is_down_is_reported_as_by_the_client(tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    said = []
    for reader in (Store(uri, "project", tmp_path), heavy(uri, "project")):
        with pytest.raises(StoreUnavailable) as error:
            reader.versions("project")
        said.append(str(error.value))
    assert said[0] == said[1]
