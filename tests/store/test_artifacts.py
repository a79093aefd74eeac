"""Where files of runs go: never to one machine's folder for all."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from fullturn.core.errors import SettingsError
from fullturn.store import Store


def test_a_folder_as_address_is_refused_before_mlflow_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder"):
        Store(str(tmp_path), "toy", tmp_path)


def test_files_of_sqlite_stay_in_the_project_unless_a_root_is_named(
    sqlite_uri: str, tmp_path: Path
) -> None:
    for name, root in (("own", None), ("elsewhere", tmp_path)):
        store = Store(sqlite_uri, name, tmp_path / "artifacts", str(root) if root else None)
        run = store.start_run("train", "run", {}, {})
        store.put_text(run, "hello", "note.txt")
        assert store.get(run, "note.txt").read_text() == "hello"
    assert (tmp_path / "artifacts").is_dir() and (tmp_path / "elsewhere").is_dir()


@pytest.mark.slow
def test_a_database_needs_a_root_for_files_and_says_how(
    postgresql_uri: str, tmp_path: Path
) -> None:
    name = f"project-{uuid4().hex[:8]}"
    with pytest.raises(SettingsError, match=r"artifact_root.*s3://.*mlflow server"):
        Store(postgresql_uri, name, tmp_path / "artifacts").start_run("train", "run", {}, {})
    store = Store(postgresql_uri, name, tmp_path / "artifacts", str(tmp_path))
    run = store.start_run("train", "run", {}, {})
    store.put_text(run, "hello", "note.txt")
    assert [path.name for path in (tmp_path / name).rglob("note.txt")] == ["note.txt"]
    assert not (tmp_path / "artifacts").exists()
    other = Store(postgresql_uri, name, tmp_path / "unused")
    assert other.get(run, "note.txt").read_text() == "hello"


@pytest.mark.slow
def test_files_are_not_written_to_a_folder_that_only_another_machine_has(
    any_server_uri: str, tmp_path: Path
) -> None:
    name = f"project-{uuid4().hex[:8]}"
    away = tmp_path / "another" / "machine"
    MlflowClient(any_server_uri).create_experiment(name, artifact_location=away.as_uri())
    store = Store(any_server_uri, name, tmp_path / "artifacts")
    run = store.start_run("train", "run", {}, {})
    (tmp_path / "model").mkdir()
    with pytest.raises(SettingsError, match="this machine does not have: mount it"):
        store.put_text(run, "hello", "note.txt")
    with pytest.raises(SettingsError, match="this machine does not have: mount it"):
        store.log_model(run, "model", tmp_path / "model", {}, {})
    assert not away.exists()
    away.mkdir(parents=True)
    Store(any_server_uri, name, tmp_path).put_text(run, "hello", "note.txt")


@pytest.fixture(params=["postgresql", "server"])
def any_server_uri(request: pytest.FixtureRequest) -> str:
    """The address of a database, then of a server: others write there too."""
    return str(request.getfixturevalue(f"{request.param}_uri"))
