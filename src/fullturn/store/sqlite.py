"""A project in MLflow's SQLite database, read without MLflow.

Only where the database's schema is a known one. Each question is one transaction: it sees what
was committed before it, as a whole, and holds no lock between questions.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.records import Registered
from fullturn.store import files
from fullturn.store.locations import AS_RECORDED, Locations, database_path
from fullturn.store.reading import RunQuery, Unsure, active, iso, registered_model, run_record

SCHEMAS = frozenset({"dc11669786a5"})
"""Versions of the schema that these queries were checked against: MLflow 3.17."""
PATIENCE = 5.0
"""Seconds to wait for a writer's lock, as MLflow's client does."""


@dataclass(frozen=True)
class SqliteReader:
    """Reads one database file; one that does not exist reads as empty and is not created."""

    uri: str
    path: Path
    name: str
    locations: Locations = AS_RECORDED

    @classmethod
    def of(
        cls, uri: str, experiment: str, locations: Locations | None = None
    ) -> SqliteReader | None:
        """The reader for an address such as sqlite:////folder/mlflow.db.

        None for one with an escape or an option: SQLAlchemy interprets those by its own rules.
        """
        path = database_path(uri)
        return cls(uri, path, experiment, locations or AS_RECORDED) if path else None

    def experiment(self) -> str | None:
        """The id of the project's experiment; None before the first write."""
        with self._opened() as database:
            found = database.execute(_STAGE, (self.name,)).fetchone()
        if found is None:
            return None
        return active(str(found["experiment_id"]), found["lifecycle_stage"], self.name, self.uri)

    def run(self, run_id: str) -> RunRecord:
        """A run. Raises NotFound."""
        with self._opened() as database:
            self._located(database, run_id)
            return _runs(database, "run_uuid = ?", (run_id,), None)[0]

    def search(self, query: RunQuery) -> list[RunRecord]:
        """Runs of the project that were not deleted, newest first."""
        conditions = ["lifecycle_stage = 'active'", f"experiment_id = ({_EXPERIMENT})"]
        values: list[Any] = [self.name]
        for column, value in (("status", query.status), ("name", query.name)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        if query.id_prefix:
            conditions.append("substr(run_uuid, 1, ?) = ?")
            values += [len(query.id_prefix), query.id_prefix]
        for tag in query.tags.items():
            conditions.append(_HAS_TAG)
            values += tag
        with self._opened() as database:
            found = _runs(database, " AND ".join(conditions), tuple(values), query.limit)
        if not found:
            self.experiment()  # of one that was deleted, the runs are only hidden
        return found

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""
        with self._opened() as database:
            found = database.execute(_VERSIONS, (name, name)).fetchall()
            tags: dict[int, dict[str, str]] = defaultdict(dict)
            for row in database.execute(_VERSION_TAGS, (name,)):
                tags[row["version"]][row["key"]] = row["value"]
            aliases = database.execute(_ALIASES, (name,)).fetchall()
        return [
            ModelVersion(
                name=name,
                version=row["version"],
                run_id=row["run_id"] or "",
                source=row["source"],
                aliases=tuple(a["alias"] for a in aliases if a["version"] == row["version"]),
                tags=tags[row["version"]],
                created=iso(row["creation_time"]),
            )
            for row in found
        ]

    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model; empty if there is no such model."""
        with self._opened() as database:
            aliases = {row["alias"]: row["version"] for row in database.execute(_ALIASES, (name,))}
            tags = {row["key"]: row["value"] for row in database.execute(_MODEL_TAGS, (name,))}
        return registered_model(aliases, tags)

    def artifact(self, run_id: str, name: str, into: Path | None) -> Path:
        """A local path of a run's artifact, a file or a folder. Raises NotFound."""
        with self._opened() as database:
            root = files.folder_of(self._located(database, run_id))
        return files.fetch(root, run_id, name, into)

    def model(self, source: str) -> Path:
        """The local folder of a logged model."""
        with self._opened() as database:
            found = database.execute(_MODEL, (source.removeprefix("models:/"),)).fetchone()
        recorded = found["artifact_location"] if found else None
        return files.existing(files.folder_of(self.locations.current(recorded)))

    def _located(self, database: sqlite3.Connection, run_id: str) -> str | None:
        """Where a run has its artifacts."""
        found = database.execute(_ROOT, (run_id,)).fetchone()
        if found is None:
            raise NotFound(f"Run with id={run_id} not found (tracking server {self.uri})")
        return self.locations.current(found["artifact_uri"])

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The database, in one transaction; an empty one if there is no file yet."""
        database = self._connect()
        try:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")
            yield database
        except sqlite3.Error as error:
            raise Unsure(str(error)) from error
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            if not self.path.exists() and self.path.absolute().parent.is_dir():
                return _empty()
            address = f"file:{quote(str(self.path.absolute()))}?mode=ro"
            database = sqlite3.connect(address, PATIENCE, isolation_level=None, uri=True)
        except (OSError, sqlite3.Error) as error:
            raise Unsure(str(error)) from error
        try:
            [(schema,)] = database.execute("SELECT version_num FROM alembic_version").fetchall()
        except (ValueError, sqlite3.Error) as error:
            database.close()
            raise Unsure(str(error)) from error
        if schema not in SCHEMAS:
            database.close()
            raise Unsure(f"schema {schema}")
        return database


def _runs(
    database: sqlite3.Connection, where: str, values: tuple[Any, ...], limit: int | None
) -> list[RunRecord]:
    most = -1 if limit is None else limit
    found = _FOUND.format(where=where)
    rows = [dict(row) for row in database.execute(found, (*values, most))]
    params, tags, metrics = (
        _by_run(database, f"WITH found AS ({found}) {of_each}", (*values, most))
        for of_each in (_PARAMS, _TAGS, _METRICS)
    )
    return [
        run_record(row, params[row["run_id"]], metrics[row["run_id"]], tags[row["run_id"]])
        for row in rows
    ]


def _by_run(
    database: sqlite3.Connection, query: str, values: tuple[Any, ...]
) -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for run, key, value, *is_nan in database.execute(query, values):
        found[run][key] = math.nan if any(is_nan) else value
    return found


def _empty() -> sqlite3.Connection:
    """An empty database with the tables that are read."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(_TABLES)
    return database


_STAGE = """
SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ? AND workspace = 'default'
"""
_EXPERIMENT = "SELECT experiment_id FROM experiments WHERE name = ? AND workspace = 'default'"
_ROOT = "SELECT artifact_uri FROM runs WHERE run_uuid = ?"
_FOUND = """
SELECT run_uuid, run_uuid AS run_id, name AS run_name, status, start_time, end_time FROM runs
WHERE {where} ORDER BY start_time IS NULL, start_time DESC, run_uuid LIMIT ?
"""
_HAS_TAG = (
    "EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = ? AND value = ?)"
)
_PARAMS = "SELECT run_uuid, key, value FROM params JOIN found USING (run_uuid)"
_TAGS = "SELECT run_uuid, key, value FROM tags JOIN found USING (run_uuid)"
_METRICS = "SELECT run_uuid, key, value, is_nan FROM latest_metrics JOIN found USING (run_uuid)"
_VERSIONS = """
SELECT * FROM model_versions
WHERE name = ? AND workspace = 'default' AND current_stage != 'Deleted_Internal'
AND NOT EXISTS (SELECT 1 FROM model_version_tags WHERE name = ? AND workspace = 'default'
                AND key = 'mlflow.prompt.is_prompt' AND value = 'true')
ORDER BY version
"""
_VERSION_TAGS = """
SELECT version, key, value FROM model_version_tags WHERE name = ? AND workspace = 'default'
"""
_ALIASES = """
SELECT alias, version FROM registered_model_aliases
WHERE name = ? AND workspace = 'default' ORDER BY alias
"""
_MODEL_TAGS = """
SELECT key, value FROM registered_model_tags WHERE name = ? AND workspace = 'default'
"""
_MODEL = """
SELECT artifact_location FROM logged_models WHERE model_id = ? AND lifecycle_stage != 'deleted'
"""
_TABLES = """
CREATE TABLE experiments (experiment_id, name, lifecycle_stage, workspace);
CREATE TABLE runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, artifact_uri,
                   experiment_id);
CREATE TABLE params (run_uuid, key, value);
CREATE TABLE tags (run_uuid, key, value);
CREATE TABLE latest_metrics (run_uuid, key, value, is_nan);
CREATE TABLE model_versions (name, version, creation_time, current_stage, source, run_id,
                             workspace);
CREATE TABLE model_version_tags (name, version, key, value, workspace);
CREATE TABLE registered_model_aliases (name, alias, version, workspace);
CREATE TABLE registered_model_tags (name, key, value, workspace);
CREATE TABLE logged_models (model_id, artifact_location, lifecycle_stage);
"""
