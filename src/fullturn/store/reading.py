"""What can be read of a project, whichever reader reads it.

A light reader returns exactly what MLflow's client returns (one suite of tests checks all of
them), or it raises `Unsure`, and then the client is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from fullturn.core.entities import ModelVersion, RunRecord, RunStatus
from fullturn.core.errors import NotFound
from fullturn.core.records import Registered
from fullturn.core.redaction import redacted
from fullturn.core.tags import KIND

PAGE = 1000
"""Runs, or versions, requested in one call."""
INFO = ("run_id", "run_name", "status", "start_time", "end_time")
"""What a run's record is made of, besides its parameters, metrics and tags."""
_PROMPT = "mlflow.prompt.is_prompt"


class Unsure(Exception):
    """A light reader cannot know what MLflow's client would return."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs of the project are wanted: those that meet every condition, newest first."""

    tags: Mapping[str, str] = field(default_factory=dict)
    status: RunStatus | None = None
    name: str | None = None
    id_prefix: str = ""
    limit: int | None = None


class Reader(Protocol):
    """One project on one tracking server."""

    def experiment(self) -> str | None:
        """The id of the project's experiment; None before the first write.

        Raises NotFound: it was deleted.
        """

    def run(self, run_id: str) -> RunRecord:
        """A run. Raises NotFound."""

    def search(self, query: RunQuery) -> list[RunRecord]:
        """Runs of the project that were not deleted."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""

    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model; empty if there is no such model."""

    def artifact(self, run_id: str, name: str, into: Path | None) -> Path:
        """A local path of a run's artifact, a file or a folder. Raises NotFound."""

    def model(self, source: str) -> Path:
        """The local folder of a logged model, named as `models:/m-…`. Raises NotFound."""


def active(experiment_id: str, stage: str, name: str, uri: str) -> str:
    """The id of an experiment that was not deleted.

    Raises:
        NotFound: it was; says how it is restored.
    """
    if stage == "deleted":
        raise NotFound(
            f"experiment '{name}' was deleted in MLflow, with its runs; restore it: `mlflow "
            f"experiments restore --experiment-id {experiment_id}` with MLFLOW_TRACKING_URI="
            f"{redacted(uri)}; or begin another one with another `name` in fullturn.toml"
        )
    return experiment_id


def conditions(query: RunQuery) -> str:
    """A query in MLflow's search language; its results must be filtered with `meets`."""
    asked = [f"tags.`{key}` {_equal_to(value)}" for key, value in query.tags.items()]
    if query.status:
        asked.append(f"attributes.status {_equal_to(query.status)}")
    if query.name is not None:
        asked.append(f"attributes.run_name {_equal_to(query.name)}")
    if query.id_prefix:
        asked.append(f"attributes.run_id LIKE '{query.id_prefix}%'")
    return " and ".join(asked)


def meets(run: RunRecord, query: RunQuery) -> bool:
    """Whether a run is one of those asked for."""
    tagged = all(run.tags.get(key) == value for key, value in query.tags.items())
    return tagged and query.name in (None, run.name) and run.id.startswith(query.id_prefix)


def version_query(name: str) -> str:
    """The versions of a registered model, in MLflow's search language."""
    return f"name {_equal_to(name)}"


def _equal_to(value: str) -> str:
    """The second half of a condition in MLflow's search language, which has no escapes.

    A value with both kinds of quotes is matched by a pattern: the caller must filter the results.
    """
    for quote_mark in ("'", '"'):
        if quote_mark not in value:
            return f"= {quote_mark}{value}{quote_mark}"
    return "LIKE '" + value.replace("'", "_").replace("\\", "_") + "'"


def run_record(
    info: Mapping[str, Any],
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> RunRecord:
    """A run from what every server returns: `info` has its id, name, status and times."""
    start, end = info["start_time"], info["end_time"]
    return RunRecord(
        id=info["run_id"],
        name=info["run_name"] or tags.get("mlflow.runName", ""),
        kind=tags.get(KIND, ""),
        status=info["status"],
        started=iso(start),
        duration=(end - start) / 1000 if end else None,
        params=dict(params),
        metrics=dict(metrics),
        tags=dict(tags),
    )


def registered_model(aliases: Mapping[str, int], tags: Mapping[str, str]) -> Registered:
    """The record of a registered model; of a prompt, which MLflow registers too, an empty one."""
    return Registered({}, {}) if _PROMPT in tags else Registered(aliases, tags)


def iso(milliseconds: int | None) -> str:
    """A time in milliseconds since 1970, in UTC, as text."""
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).isoformat(timespec="seconds")
