"""Where files of runs are: the one place that resolves the locations that MLflow recorded.

MLflow writes whole paths into its database. A project's own database moves with the project, and
its files with it, so a location in there is meant relative to the state, wherever that was when it
was written. Otherwise a moved project would lose its files, and a copy would write into the
original's folder.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fullturn.store.files import folder_of, relative

FOLDER = "artifacts"
"""The folder for files, beside the database."""
_OF_STATE = re.compile(
    rf"(?:file://)?/.*/{FOLDER}/((?:[0-9a-f]{{32}}|models/m-[0-9a-f]{{32}}|traces/[^/]+)/artifacts(?:/.*)?)"
)
"""A location that MLflow made below such a folder, of a run, a logged model or a trace; or one in
there."""
_COLUMNS: Mapping[str, str] = {
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
    "trace_tags": "value",
}
BUSY = 20.0
"""Seconds to wait for a writer, as MLflow does."""
_PREFIX = "sqlite:///"


def database_path(uri: str) -> Path | None:
    """The file of an address such as sqlite:////folder/mlflow.db; None for any other address.

    None also for one with an escape or an option: SQLAlchemy reads those by rules of its own.
    """
    path = uri.removeprefix(_PREFIX)
    if not uri.startswith(_PREFIX) or not path or set(path) & set("%?") or path[0] == ":":
        return None
    return Path(path)


@dataclass(frozen=True)
class Locations:
    """Resolves locations of one project."""

    folder: Path | None = None
    """The files beside the project's own database; None: every location is as recorded."""

    @classmethod
    def of(cls, uri: str, artifacts: Path) -> Self:
        """Those of a project whose state has both the database and the folder `artifacts`."""
        database, place = database_path(uri), artifacts.resolve()
        own = database is not None and database.resolve().parent == place.parent
        return cls(place if own and place.name == FOLDER else None)

    def current(self, recorded: str | None) -> str | None:
        """Where the files of a recorded location are now."""
        found = _OF_STATE.fullmatch(recorded or "")
        return f"{self.folder.as_uri()}/{found[1]}" if self.folder and found else recorded

    def rewrite(self, database: Path, experiment: str) -> None:
        """Let the database name the places where the files are now, for MLflow's own pages.

        Nothing of fullturn depends on it. A database that cannot be written is left as it is.
        """
        if self.folder is None:
            return
        here = self.folder.as_uri()
        with contextlib.suppress(sqlite3.Error), closing(_opened(database)) as opened:
            select = "SELECT artifact_location FROM experiments WHERE name = ?"
            for (before,) in opened.execute(select, (experiment,)).fetchall():
                if before != here and before.endswith(f"/{FOLDER}"):
                    _replace(opened, before, here)


AS_RECORDED = Locations()


def _opened(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, BUSY, isolation_level=None)


def _replace(database: sqlite3.Connection, before: str, here: str) -> None:
    database.execute("BEGIN IMMEDIATE")
    for table, column in _COLUMNS.items():
        database.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608  names of ours
            f"WHERE substr({column}, 1, ?) = ?",
            (here, len(before) + 1, len(before) + 1, f"{before}/"),
        )
    database.execute(
        "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, before)
    )
    database.execute("COMMIT")


class LocalFiles:
    """Writes files of runs and models below the state, as MLflow's client would."""

    def __init__(self, client: Any, locations: Locations) -> None:
        self._client, self._locations = client, locations

    def log_artifact(self, run_id: str, path: str, folder: str | None = None) -> None:
        """Store a file."""
        target = self._run(run_id) / (relative(folder) if folder else "")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)

    def log_artifacts(self, run_id: str, path: str, folder: str | None = None) -> None:
        """Store what a folder contains."""
        target = self._run(run_id) / (relative(folder) if folder else "")
        shutil.copytree(path, target, dirs_exist_ok=True)

    def log_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text."""
        target = self._run(run_id) / relative(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def log_model_artifacts(self, model_id: str, path: str) -> None:
        """Store what a folder contains as a logged model's."""
        model = self._client.get_logged_model(model_id)
        target = folder_of(self._locations.current(model.artifact_location))
        shutil.copytree(path, target, dirs_exist_ok=True)

    def _run(self, run_id: str) -> Path:
        return folder_of(self._locations.current(self._client.get_run(run_id).info.artifact_uri))
