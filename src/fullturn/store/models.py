"""Logged models, model versions and aliases."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullturn.core.entities import ModelVersion
from fullturn.core.records import LOGGED_BY, LoggedModel, Registered
from fullturn.core.redaction import redacted, redacted_tags
from fullturn.store.connection import Connection
from fullturn.store.errors import guarded

_LOGGED = "models:/"
"""Begins the address of a logged model."""


class Models(Connection):
    """Bundles and the registry of one project."""

    @guarded
    def log_model(
        self,
        run_id: str,
        name: str,
        folder: Path,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
    ) -> str:
        """Store a sealed bundle as a run's logged model, with metrics, which the run gets too.

        Returns its `models:/m-…` address.
        """
        from fullturn.store.client import entities

        files, run = self._files, self._client.get_run(run_id)
        model = self._client.create_logged_model(
            self.experiment_id,
            name=re.sub(r"[/:.%\"']", "-", name),
            source_run_id=run_id,
            tags=redacted_tags(tags),
            params=dict(run.data.params),
        )
        files.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, entities.LoggedModelStatus.READY)
        self._client.log_outputs(run_id, [entities.LoggedModelOutput(model.model_id, step=0)])
        now = time.time_ns() // 1_000_000
        of_model = [
            entities.Metric(k, v, now, 0, model_id=model.model_id) for k, v in metrics.items()
        ]
        self._client.log_batch(run_id, metrics=of_model)
        return f"{_LOGGED}{model.model_id}"

    @guarded
    def logged_models(self, run_id: str) -> list[LoggedModel]:
        """The finished models that a run, or a process that logged to it, has logged, oldest
        first."""
        filters = (f"source_run_id = '{run_id}'", f"tags.`{LOGGED_BY}` = '{run_id}'")
        found = {one.model_id: one for text in filters for one in self._search_models(text)}
        return [
            LoggedModel(f"{_LOGGED}{one.model_id}", one.name, _iso(one.creation_timestamp))
            for one in sorted(found.values(), key=lambda one: int(one.creation_timestamp))
            if str(one.status) == "READY"
        ]

    def _search_models(self, text: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_logged_models([self.experiment_id], text, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def fetch_model(self, source: str) -> Path:
        """The local folder of a bundle; for a remote server, a download of it."""
        return self._ask(lambda reader: reader.model(source))

    @guarded
    def register(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Add the next version to a registered model, which is created if it does not exist.

        The server numbers versions without gaps or repeats, also under concurrent calls.
        """
        from fullturn.store.client_reader import version_of

        self._ensure_model(name)
        made = self._client.create_model_version(
            name,
            source,
            run_id,
            tags=redacted_tags(tags),
            description=redacted(description) or None,
            model_id=source.removeprefix(_LOGGED) if source.startswith(_LOGGED) else None,
        )
        return version_of(made)

    def _ensure_model(self, name: str) -> None:
        from fullturn.store.client import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""
        return self._ask(lambda reader: reader.versions(name))

    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model, in one call; empty if there is no such model."""
        return self._ask(lambda reader: reader.registered(name))

    @guarded
    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags of a registered model."""
        for key, value in redacted_tags(tags).items():
            self._client.set_registered_model_tag(name, key, value)

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points at, or None.

        Not requested by its name: of a model that does not exist yet, a server with logins answers
        "permission denied" (MLflow 3.17, app basic-auth).
        """
        return self.registered(name).aliases.get(alias)

    @guarded
    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version. Not compare-and-set: `registry` is."""
        self._client.set_registered_model_alias(name, alias, str(version))

    @guarded
    def tag_version(self, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a model version."""
        for key, value in redacted_tags(tags).items():
            self._client.set_model_version_tag(name, str(version), key, value)


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
