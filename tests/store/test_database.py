"""The database under a project: whole or not there, whoever is killed or comes at once."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.errors import CouldNotEvaluate, StoreUnavailable
from fullturn.store import Store, database
from fullturn.store.database import ready
from tests.forks import forked
from tests.needs import mounted

KILLS = int(os.environ.get("FULLTURN_TEST_KILLS", "3"))
RACERS = int(os.environ.get("FULLTURN_TEST_RACERS", "3"))


def first_run(begun: Connection, state: Path, name: str) -> None:
    """What a first command does: a run with a file."""
    begun.send("begins")
    store = store_in(state)
    run = store.start_run("train", name, {}, {})
    store.put_text(run, "hello", "note.txt")
    begun.send(store.get(run, "note.txt").read_text())


def store_in(state: Path) -> Store:
    return Store(f"sqlite:///{state / 'mlflow.db'}", "project", state / "artifacts")


def uri_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_new_one_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    assert ready(uri_of(path), own=True) == path
    assert {one.name for one in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}
    before = path.read_bytes()
    ready(uri_of(path), own=True)
    assert path.read_bytes() == before


def test_first_commands_at_once_all_succeed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        racers = [
            stack.enter_context(forked(first_run, tmp_path, f"run {n}")) for n in range(RACERS)
        ]
        assert [(one.recv(), one.recv()) for one, _ in racers] == [("begins", "hello")] * RACERS
    assert {run.name for run in store_in(tmp_path).runs()} == {f"run {n}" for n in range(RACERS)}


def test_a_project_whose_first_command_was_killed_works(tmp_path: Path) -> None:
    """Killed at any moment of it: how long it takes is measured first."""
    with forked(first_run, tmp_path / "measured", "whole") as (said, _):
        assert said.recv() == "begins"
        begin = time.monotonic()
        assert said.recv() == "hello"
        whole = time.monotonic() - begin
    chance, killed = random.Random(12), 0
    for n in range(KILLS):
        state = tmp_path / str(n)
        with forked(first_run, state, "killed") as (said, process):
            assert said.recv() == "begins"
            time.sleep(chance.uniform(0, whole))
            process.kill()
            process.join()
            killed += process.exitcode != 0
        store = store_in(state)
        run = store.start_run("train", "next", {}, {})
        store.put_text(run, "hello", "note.txt")
        assert store.get(run, "note.txt").read_text() == "hello"
        shutil.rmtree(state)
    if KILLS > 3:
        print(f"{killed} of {KILLS} were killed before their end")  # noqa: T201


def older(path: Path, revision: str) -> None:
    """A database as an earlier MLflow made it, or as making it was interrupted."""
    from alembic import command
    from mlflow.store.db import utils
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = utils.create_sqlalchemy_engine(uri_of(path))
    Base.metadata.create_all(engine)
    config: Any = utils._get_alembic_config(uri_of(path))  # noqa: SLF001
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def run_sql(path: Path, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        return [opened.execute(statement).fetchall() for statement in statements]


INSERT_RUN = (
    "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) "
    "VALUES ('ab', 'old', 'FINISHED', 1, 'active', 0)"
)
EARLIER = "89d4b8295536"
"""An early version of MLflow's tables."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else makes the databases of these tests."""
    monkeypatch.setattr(database, "SETTLED", 0.0)


@pytest.mark.parametrize("left", ["_alembic_tmp_runs", "", "no version"])
@pytest.mark.usefixtures("hurried")
def test_a_half_made_one_without_runs_is_recreated(tmp_path: Path, left: str) -> None:
    path = tmp_path / "mlflow.db"
    older(path, EARLIER)
    if left == "no version":
        run_sql(path, "DELETE FROM alembic_version")
    elif left:
        run_sql(path, f"CREATE TABLE {left} (x)")
    store = store_in(tmp_path)
    assert store.start_run("train", "first", {}, {})
    assert [run.name for run in store.runs()] == ["first"]


@pytest.mark.usefixtures("hurried")
def test_the_journal_of_a_half_made_one_does_not_spoil_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    older(path, EARLIER)
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.executescript("PRAGMA cache_size = 1; BEGIN; CREATE TABLE x (y);")
        opened.execute("INSERT INTO x VALUES (randomblob(500000))")
        hot = tmp_path / "mlflow.db-journal"
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in (path, hot):
            shutil.copy(file, copy)
    assert store_in(copy).start_run("train", "first", {}, {})
    assert run_sql(copy / "mlflow.db", "PRAGMA integrity_check") == [[("ok",)]]


@pytest.mark.usefixtures("hurried")
def test_one_with_runs_that_was_interrupted_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    older(path, EARLIER)
    run_sql(path, INSERT_RUN, "CREATE TABLE _alembic_tmp_runs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="a migration of it was interrupted; make a copy"):
        ready(uri_of(path), own=True)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("hurried")
def test_an_older_one_of_the_project_is_migrated_and_a_copy_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    older(path, EARLIER)
    run_sql(path, INSERT_RUN)
    with closing(sqlite3.connect(path)) as opened_before:
        assert opened_before.execute("SELECT name FROM runs").fetchall() == [("old",)]
        ready(uri_of(path), own=True)
        with pytest.raises(sqlite3.Error):  # a write there would be lost
            opened_before.execute("UPDATE runs SET name = 'lost'")
    assert run_sql(path, "SELECT name FROM runs") == [[("old",)]]
    assert run_sql(tmp_path / f"mlflow.db.{EARLIER}", "SELECT name FROM runs") == [[("old",)]]
    assert store_in(tmp_path).run("ab").name == "old"


@pytest.mark.usefixtures("hurried")
def test_an_older_one_that_is_not_the_projects_own_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "team.db"
    older(path, EARLIER)
    run_sql(path, INSERT_RUN)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="it is older; make a copy of it"):
        Store(uri_of(path), "project", tmp_path / "own" / "artifacts").start_run("t", "x", {}, {})
    assert path.read_bytes() == before


@pytest.mark.usefixtures("hurried")
def test_one_of_a_newer_mlflow_is_refused_with_the_way_on(
    empty_database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_database, path)
    run_sql(path, INSERT_RUN, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(StoreUnavailable, match="written by a newer MLflow .* upgrade MLflow"):
        ready(uri_of(path), own=True)


def test_a_damaged_one_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database " * 100)
    with pytest.raises(StoreUnavailable, match=r"mlflow\.db cannot be used \(file is not a data"):
        store_in(tmp_path).start_run("train", "x", {}, {})


def test_whoever_makes_it_is_waited_for_and_named_if_it_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    path = tmp_path / "mlflow.db"
    with database._sole(path), pytest.raises(StoreUnavailable, match="another process has been"):  # noqa: SLF001
        ready(uri_of(path), own=True)
    ready(uri_of(path), own=True)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("size=200k", "full; "),
        ("size=64k,nr_inodes=2", "No space left on device"),  # MLflow tries for 100 seconds
        ("ro", "Read-only file system"),
    ],
)
def test_where_it_does_not_fit_that_is_said_and_it_works_later(
    tmp_path: Path, option: str, said: str
) -> None:
    with mounted(tmp_path / "disk", option) as disk:
        with pytest.raises(CouldNotEvaluate, match=f"{said}.*check disk space and permissions"):
            store_in(disk).start_run("train", "x", {}, {})
        assert not (disk / "mlflow.db").exists()
        remount = ["mount", "-o", "remount,rw,size=50m,nr_inodes=1000", str(disk)]
        subprocess.run(remount, check=True)
        assert store_in(disk).start_run("train", "x", {}, {})
