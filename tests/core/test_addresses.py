"""Addresses of MLflow: which are shared, which are refused, and where files go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fullturn.core import settings
from fullturn.core.addresses import (
    absolute,
    anchored,
    artifact_location,
    is_elsewhere,
    kind_of,
    normal,
)
from fullturn.core.errors import FullturnError, SettingsError
from fullturn.core.settings import Settings
from fullturn.evidence.keys import Signer, private_key
from fullturn.verbs import data
from fullturn.verbs.workspace import Workspace


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("sqlite:////srv/mlflow.db", "sqlite"),
        ("sqlite+pysqlite:///mlflow.db", "sqlite"),
        ("postgresql://me:secret@db/mlflow", "database"),
        ("postgresql+psycopg2://db/mlflow", "database"),
        ("PostgreSQL://db/mlflow", "database"),
        ("mysql+pymysql://db/mlflow", "database"),
        ("mssql+pyodbc://db/mlflow", "database"),
        ("http://127.0.0.1:5000", "server"),
        ("HTTPS://mlflow.example.org", "server"),
        ("databricks", "server"),
        ("databricks://profile", "server"),
        ("arn:aws:sagemaker:eu-central-1:1:mlflow-tracking-server/team", "server"),
    ],
)
def test_an_address_is_a_file_a_database_or_a_server(uri: str, kind: str) -> None:
    assert kind_of(uri) == kind_of(normal(uri)) == kind
    project = Workspace(Path("/nowhere"), Settings(name="toy", tracking_uri=uri))
    assert project.shared == (kind != "sqlite")


@pytest.mark.parametrize(
    "uri", ["mlruns", "./mlruns", "/srv/mlruns", "file:///srv/mlruns", "C:\\x"]
)
def test_a_folder_is_refused_with_the_next_step(uri: str) -> None:
    with pytest.raises(SettingsError, match=r"no longer writes to; .*postgresql://.*sqlite:"):
        kind_of(uri)


def test_a_misspelt_database_is_refused_with_the_right_word() -> None:
    with pytest.raises(SettingsError, match="write 'postgresql:'"):
        kind_of("postgres://db/mlflow")


def test_only_the_scheme_is_written_in_lower_case() -> None:
    assert normal("HTTPS://Host/Path") == "https://Host/Path"
    assert normal("databricks") == "databricks"


@pytest.mark.parametrize("uri", ["sqlite:////data/team.db", "https://mlflow", "sqlite:///:memory:"])
def test_an_absolute_address_stays(uri: str, tmp_path: Path) -> None:
    assert anchored(uri, tmp_path) == uri


def test_a_database_of_the_settings_is_beside_them_and_one_of_the_variable_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir("/")
    named = Settings(name="x", tracking_uri="SQLite:///team.db")
    assert settings.tracking_uri(named, tmp_path) == f"sqlite:///{tmp_path / 'team.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")
    assert settings.tracking_uri(named, tmp_path) == "sqlite:////here.db"


def test_whatever_a_setting_names_is_beside_it_wherever_a_command_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder inside the project, and from elsewhere in Python."""
    home, project = tmp_path / "home", tmp_path / "project"
    for folder in (home / "keys", project / "deep" / "data", project / "files"):
        folder.mkdir(parents=True)
    (project / "fullturn.toml").write_text(
        'name = "x"\napp = "tabular"\nstate = "local"\ntracking_uri = "postgresql://db/mlflow"\n'
        'artifact_root = "files"\n[data]\nfiles = ["rows.csv"]\ntest = ["~/test.csv"]\n'
        'label = "label"\n'
        '[data.columns]\nn = "number"\n[train]\npython = "env/python"\n'
        '[signing]\nprivate_key = "~/keys/mine.pem"\npublic_key = ["keys/team.pub"]\n'
    )
    (project / "rows.csv").write_text("n,label\n1,a\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for here, given in ((project / "deep" / "data", "."), (tmp_path, "project"), (home, project)):
        monkeypatch.chdir(here)
        found = Workspace.open(Path(given))
        signer = Signer(found.settings.signing, found.root, found.state)
        assert found.root == project and found.state == project / "local"
        assert settings.artifact_root(found.settings, found.root) == str(project / "files")
        assert signer.trusted == (project / "keys" / "team.pub",)
        with (
            pytest.raises(FullturnError, match=f"{home}/keys/mine.pem"),
            private_key(signer),
        ):
            pass
        with pytest.raises(FullturnError, match=f"{home}/test.csv"):
            data.commit(found)
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "mine")
    assert settings.artifact_root(found.settings, found.root) == str(home / "mine")


def test_files_go_below_the_root(tmp_path: Path) -> None:
    assert artifact_location("s3://bucket/mlflow", "toy") == "s3://bucket/mlflow/toy"
    root = absolute("files", tmp_path)
    with pytest.raises(SettingsError, match=f"no folder {root}"):
        artifact_location(root, "toy")
    (tmp_path / "files").mkdir()
    assert artifact_location(root, "toy") == (tmp_path / "files" / "toy").as_uri()
    assert (tmp_path / "files" / "toy").is_dir()
    assert absolute("s3://bucket/", tmp_path) == "s3://bucket"
    assert absolute(f"file://{tmp_path}/files", Path("/")) == root
    assert absolute("file:./files", tmp_path) == absolute("./files", tmp_path) == root


def test_the_variable_comes_first_but_not_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def root(**changes: Any) -> str | None:
        return settings.artifact_root(Settings(name="toy", **changes), tmp_path)

    database, server = "postgresql://db/mlflow", "https://mlflow"
    assert root() is root(tracking_uri=database) is root(tracking_uri=server) is None
    assert root(tracking_uri=database, artifact_root="files") == str(tmp_path / "files")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://of-all")
    assert root(tracking_uri=database, artifact_root="files") == "s3://of-all"
    assert root(tracking_uri=server) is None
    assert root(tracking_uri=server, artifact_root="s3://mine") == "s3://mine"


def test_a_folder_of_another_machine_is_known(tmp_path: Path) -> None:
    assert not is_elsewhere(tmp_path.as_uri()) and not is_elsewhere(str(tmp_path / "not yet"))
    assert is_elsewhere("file:///home/somebody/else/.fullturn/artifacts")
    assert not is_elsewhere("s3://bucket/toy") and not is_elsewhere("mlflow-artifacts:/1")
