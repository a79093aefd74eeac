"""Concurrent writers of one alias, tag or version: the database turns some down, and none fails."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, RESOURCE_ALREADY_EXISTS
from mlflow.store.model_registry.dbmodels.models import (
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from mlflow.store.tracking.dbmodels.models import SqlDataset, SqlTag

from fullturn.core.entities import DatasetVersion
from fullturn.core.errors import StoreUnavailable
from fullturn.store import Store
from fullturn.store.retries import ATTEMPTS, lost_race, retried
from tests.conftest import free_port, mlflow_server
from tests.forks import forked
from tests.store.models import registered
from tests.waiting import PATIENCE


def another(store: Store) -> Store:
    """The same project, as another process connects to it."""
    return Store(store.uri, store.name, Path("unused"))


@contextmanager
def both_insert(table: type[Any]) -> Iterator[None]:
    """Two transactions meet before their first insert into a table: both have found no row."""
    meeting = threading.Barrier(2)

    def meet(mapper: object, connection: object, target: object) -> None:
        if not meeting.broken:
            try:
                meeting.wait(PATIENCE)
            except threading.BrokenBarrierError:
                return
            meeting.abort()

    sqlalchemy.event.listen(table, "before_insert", meet)
    try:
        yield
        assert meeting.broken, "they did not meet"
    finally:
        sqlalchemy.event.remove(table, "before_insert", meet)


def at_once(*calls: Callable[[], object]) -> list[BaseException]:
    """Make these calls in threads of their own; what they raised."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait(PATIENCE)
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        errors = [made.exception() for made in [pool.submit(run, call) for call in calls]]
    return [error for error in errors if error is not None]


def test_of_two_that_set_the_first_alias_both_succeed(database_store: Store) -> None:
    versions = [registered(database_store).version, registered(database_store).version]
    stores = [database_store, another(database_store)]
    with both_insert(SqlRegisteredModelAlias):
        errors = at_once(
            *(
                lambda s=s, v=v: s.set_alias(s.name, "champion", v)
                for s, v in zip(stores, versions, strict=True)
            )
        )
    assert errors == []
    assert database_store.alias(database_store.name, "champion") in versions


def test_of_two_that_set_the_first_tag_of_a_model_or_a_run_both_succeed(
    database_store: Store,
) -> None:
    registered(database_store)
    run = database_store.start_run("train", "run", {}, {})
    stores = [database_store, another(database_store)]
    with both_insert(SqlRegisteredModelTag):
        errors = at_once(*(lambda s=s: s.tag_model(s.name, {"plan": "{}"}) for s in stores))
    assert errors == []
    with both_insert(SqlTag):
        errors += at_once(*(lambda s=s: s.tag_run(run, {"ending": "promote"}) for s in stores))
    assert errors == []
    assert database_store.registered(database_store.name).tags == {"plan": "{}"}


def test_of_two_that_train_on_the_same_rows_for_the_first_time_both_succeed(
    database_store: Store,
) -> None:
    data = DatasetVersion(
        "d", 1, "ab" * 32, "/d", 3, {"train": 3}, None, 3, 0, 0, "", "me", "2026-01-01"
    )
    stores = [database_store, another(database_store)]
    runs = [s.start_run("train", "run", {}, {}) for s in stores]
    with both_insert(SqlDataset):
        errors = at_once(
            *(
                lambda s=s, run=run: s.log_dataset(run, data, "training")
                for s, run in zip(stores, runs, strict=True)
            )
        )
    assert errors == []


def test_of_two_that_register_at_once_each_gets_a_number_of_its_own(database_store: Store) -> None:
    registered(database_store)
    numbers: list[int] = []
    stores = (database_store, another(database_store))
    errors = at_once(*(lambda s=s: numbers.append(registered(s).version) for s in stores))
    assert errors == []
    assert sorted(numbers) == [2, 3]


@pytest.mark.slow
def test_many_writers_of_one_model_all_succeed(any_store: Store) -> None:
    versions = [registered(any_store).version for _ in range(8)]
    stores = [another(any_store) for _ in versions]

    def write(store: Store, version: int) -> None:
        for n in range(5):
            store.set_alias(store.name, f"alias-{n}", version)
            store.tag_model(store.name, {f"tag-{n}": str(version)})
            store.tag_version(store.name, 1, {f"tag-{n}": str(version)})

    calls = [lambda s=s, v=v: write(s, v) for s, v in zip(stores, versions, strict=True)]
    assert at_once(*calls) == []
    found = any_store.registered(any_store.name)
    assert sorted(found.aliases) == [f"alias-{n}" for n in range(5)]
    assert set(map(int, found.tags.values())) <= set(versions)


@pytest.mark.slow
def test_a_server_that_is_away_for_a_while_is_waited_for(
    empty_database: Path, tmp_path: Path
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    database, port = f"sqlite:///{tmp_path / 'mlflow.db'}", free_port()
    with mlflow_server(tmp_path, database, port=port) as uri:
        store = Store(uri, "project", tmp_path)
        run = store.start_run("train", "run", {}, {})
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        tagged = pool.submit(store.tag_run, run, {"result": "safe"})
        time.sleep(10)  # MLflow's client itself has given up by now
        stack.enter_context(mlflow_server(tmp_path, database, port=port))
        tagged.result(PATIENCE)
        assert store.run(run).tags["result"] == "safe"


@pytest.mark.slow
def test_a_server_that_was_never_reached_is_not_waited_for(tmp_path: Path) -> None:
    store = Store(f"http://127.0.0.1:{free_port()}", "project", tmp_path)
    store.patience = 1e6
    with pytest.raises(StoreUnavailable, match="is unreachable: .*refused"):
        store.start_run("train", "run", {}, {})


def write(orders: Connection, uri: str, name: str) -> None:
    """Set an alias and a tag for each order; answer with an error, or with nothing."""
    store = Store(uri, name, Path("unused"))
    orders.send("ready")
    while order := orders.recv():
        alias, version = order
        try:
            store.set_alias(name, alias, version)
            store.tag_model(name, {alias: str(version)})
            orders.send("")
        except Exception as error:  # noqa: BLE001  whatever it is
            orders.send(repr(error))


@pytest.mark.slow
def test_processes_that_set_the_first_alias_at_once_all_succeed(any_store: Store) -> None:
    versions = [registered(any_store).version for _ in range(3)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(forked(write, any_store.uri, any_store.name))[0] for _ in versions
        ]
        assert [each.recv() for each in writers] == ["ready"] * 3
        for n in range(15):
            for each, version in zip(writers, versions, strict=True):
                each.send((f"alias-{n}", version))
            assert [each.recv() for each in writers] == [""] * 3


@pytest.mark.parametrize(
    "message",
    [
        "(sqlite3.IntegrityError) UNIQUE constraint failed: registered_model_aliases.name",
        "(sqlite3.OperationalError) database is locked",
        "(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint",
        "(psycopg2.errors.DeadlockDetected) deadlock detected",
        "(psycopg2.errors.SerializationFailure) could not serialize access",
        "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'a' for key 'PRIMARY'\")",
        "(pymysql.err.OperationalError) (1205, 'Lock wait timeout exceeded')",
        "Model Version creation error (name=toy). Giving up after 3 attempts.",
    ],
)
def test_lost_races_are_known_by_the_words_of_each_database(message: str) -> None:
    assert lost_race(MlflowException(message, BAD_REQUEST))


def test_what_is_no_race_is_raised_at_once() -> None:
    calls: list[int] = []

    def refused() -> None:
        calls.append(1)
        message = "Experiment(name=toy) already exists. Error: UNIQUE constraint failed"
        raise MlflowException(message, RESOURCE_ALREADY_EXISTS)

    with pytest.raises(MlflowException, match="already exists"):
        retried(refused)
    assert len(calls) == 1
    foreign_key = MlflowException("(sqlite3.IntegrityError) FOREIGN KEY constraint failed")
    assert not lost_race(foreign_key)


def test_a_race_lost_every_time_is_raised_in_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fullturn.store.retries as module

    calls: list[int] = []

    def locked(*_: object) -> None:
        calls.append(1)
        raise MlflowException("(sqlite3.OperationalError) database is locked", BAD_REQUEST)

    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", locked)
    with pytest.raises(StoreUnavailable, match="database is locked"):
        store.set_alias(store.name, "champion", 1)
    assert len(calls) == ATTEMPTS
