"""A real project around the toy app, on a SQLite tracking store."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fullturn.verbs.data import commit
from fullturn.verbs.workspace import Workspace
from tests.verbs.toy import messages

TOML = """\
name = "toy"
app = "tests.verbs.toy:Toy"

[data]
files = ["messages.csv"]
train_share = 0.3
validation_share = 0.3

[experiment]
owner = "tester"

[gates]
margin = 0.05
slice_floor = 0.4
behaviour_margin = 0.3
latency_p95_ms = 100.0
"""


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def project(tmp_path: Path, empty_database: Path) -> Workspace:
    """A project with one dataset version."""
    return Workspace.open(new_project(tmp_path, empty_database))


def moved(project: Path, to: Path) -> Path:
    """A copy of a project elsewhere; MLflow keeps whole paths, so they are rewritten."""
    shutil.copytree(project, to)
    places = {
        "experiments": "artifact_location",
        "runs": "artifact_uri",
        "logged_models": "artifact_location",
        "model_versions": "storage_location",
    }
    with closing(sqlite3.connect(to / ".fullturn" / "mlflow.db")) as database:
        for table, column in places.items():
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(change, (str(project), str(to)))
        database.commit()
    return to


def new_project(folder: Path, empty_database: Path) -> Path:
    """The folder of a project around the toy app, with one dataset version."""
    root = folder / "project"
    (root / ".fullturn").mkdir(parents=True)
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    (root / "fullturn.toml").write_text(TOML)
    write_rows(root / "messages.csv", messages(1000, seed=1))
    commit(Workspace.open(root), [], "first")
    return root
