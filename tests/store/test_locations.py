"""A project that was moved or copied finds its files, and a copy never touches the original."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fullturn.store import Store
from fullturn.store.locations import Locations

RUN, MODEL = "0" * 32, "m-" + "1" * 32


@pytest.fixture
def state(empty_database: Path, tmp_path: Path) -> Path:
    """A state with a run, its note and a model."""
    folder = tmp_path / "one" / ".fullturn"
    folder.mkdir(parents=True)
    shutil.copy(empty_database, folder / "mlflow.db")
    store = opened(folder)
    run = store.start_run("train", "first", {}, {})
    store.put_text(run, "first", "notes/note.txt")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "weights").write_text("1 2 3")
    source = store.log_model(run, "model", tmp_path / "bundle", {}, {})
    store.register("project", source, run, {})
    return folder


def opened(state: Path) -> Store:
    return Store(f"sqlite:///{state / 'mlflow.db'}", "project", state / "artifacts")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_are_found_after_a_move(state: Path, tmp_path: Path) -> None:
    moved = tmp_path / "Zwei und #3"
    state.parent.rename(moved)
    store = opened(moved / ".fullturn")
    [run], [version] = store.runs(), store.versions("project")
    assert store.is_light
    note, model = store.get(run.id, "notes/note.txt"), store.fetch_model(version.source)
    assert note.read_text() == "first" and note.is_relative_to(moved)
    assert (model / "weights").read_text() == "1 2 3" and model.is_relative_to(moved)


def test_mlflows_client_finds_them_too(state: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(state.parent, tmp_path / "two") / ".fullturn"
    store = opened(copy)
    [run], [version] = store.runs(), store.versions("project")
    heavy = store._heavy  # noqa: SLF001
    assert heavy.artifact(run.id, "notes/note.txt", None).is_relative_to(copy)
    assert heavy.model(version.source).is_relative_to(copy)


def test_a_copy_never_touches_the_original(state: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(state.parent, tmp_path / "two") / ".fullturn"
    before = contents(state)
    store = opened(copy)
    [first] = store.runs()
    store.put_text(first.id, "of the copy", "later.txt")
    second = store.start_run("train", "second", {}, {})
    store.put(second, tmp_path / "bundle" / "weights", "more")
    store.put(second, tmp_path / "bundle")
    source = store.log_model(second, "model", tmp_path / "bundle", {}, {})
    assert store.get(first.id, "later.txt").read_text() == "of the copy"
    assert store.get(second, "more/weights").is_relative_to(copy)
    assert store.get(second, "weights").is_relative_to(copy)
    assert store.fetch_model(source).is_relative_to(copy)
    assert contents(state) == before


def test_two_places_of_one_state_disturb_nothing(state: Path, tmp_path: Path) -> None:
    """As when a folder is seen under another path in a container: each rewrites the database."""
    other = tmp_path / "mounted"
    other.symlink_to(state.parent)
    here = opened(state)
    before = here.start_run("train", "before", {}, {})
    with closing(sqlite3.connect(state / "mlflow.db")) as database:
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, '/one/', '/app/')")
        database.commit()
    here.put_text(before, "before", "note.txt")
    after = here.start_run("train", "after", {}, {})
    here.put_text(after, "after", "note.txt")
    for store in (here, opened(other / ".fullturn")):
        assert store.get(before, "note.txt").read_text() == "before"
        assert store.get(after, "note.txt").read_text() == "after"
    assert not (tmp_path / "app").exists()


def test_mlflows_own_pages_show_the_files_after_a_write(state: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    state.parent.rename(moved)
    opened(moved / ".fullturn").start_run("train", "second", {}, {})
    with closing(sqlite3.connect(moved / ".fullturn" / "mlflow.db")) as database:
        for table, column in (
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "storage_location"),
        ):
            rows = database.execute(f"SELECT {column} FROM {table}").fetchall()
            assert rows and all(f"{moved}/.fullturn/artifacts/" in place for (place,) in rows)


def test_locations_outside_of_the_state_are_as_recorded(tmp_path: Path) -> None:
    uri, artifacts = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts"
    here = Locations.of(uri, artifacts)
    for place in (f"{RUN}/artifacts", f"models/{MODEL}/artifacts", f"{RUN}/artifacts/a b/c"):
        old = f"file:///elsewhere/artifacts/{place}"
        assert here.current(old) == f"{artifacts.as_uri()}/{place}"
    team = Locations.of(f"sqlite:///{tmp_path / 'team' / 'mlflow.db'}", artifacts)
    assert team.current(old) == old
    for other in (
        f"file:///share/files/project/{RUN}/artifacts",
        f"s3://bucket/artifacts/{RUN}/artifacts",
        f"file:///elsewhere/artifacts/3/{RUN}/artifacts",
        "models:/m-1",
    ):
        assert here.current(other) == other
    assert here.current(None) is None
