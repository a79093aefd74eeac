"""The tables of the installed MLflow: which version they have, how they are made and upgraded.

MLflow has a command for this, and no public function.
"""

# ruff: noqa: SLF001

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from fullturn.store.client import mlflow

# isort: split
import mlflow.store.db.utils
import mlflow.store.tracking.sqlalchemy_store

_utils: Any = mlflow.store.db.utils
_tracking: Any = mlflow.store.tracking


def path_of(uri: str) -> Path | None:
    """The file that SQLAlchemy opens for an address of SQLite; None for one in memory."""
    name = make_url(uri).database
    return None if not name or name.startswith((":memory:", "file:")) else Path(name).absolute()


def newest() -> str:
    """The version that the installed MLflow works with."""
    return str(_utils._get_latest_schema_revision())


def is_known(version: str) -> bool:
    """Whether the installed MLflow has, or had, this version; also of a half-made database."""
    scripts = _utils.ScriptDirectory.from_config(_utils._get_alembic_config(db_url=""))
    return not version or version in {script.revision for script in scripts.walk_revisions()}


def make(uri: str) -> None:
    """Make a database with all tables and the default experiment."""
    root = _tracking.DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    _tracking.sqlalchemy_store.SqlAlchemyStore(uri, root).engine.dispose()


def upgrade(uri: str) -> None:
    """Upgrade the tables of a database that nobody else has open."""
    engine = _utils.create_sqlalchemy_engine(uri)
    try:
        _utils._upgrade_db(engine)
    finally:
        engine.dispose()
