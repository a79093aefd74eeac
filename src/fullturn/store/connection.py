"""The connection to a tracking server: MLflow's client, and lighter readers where they do."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from fullturn.core import credentials, redaction
from fullturn.core.addresses import artifact_location, is_elsewhere, kind_of, normal
from fullturn.core.errors import SettingsError
from fullturn.core.redaction import redacted
from fullturn.store.errors import guarded
from fullturn.store.http import Server
from fullturn.store.locations import LocalFiles, Locations
from fullturn.store.reading import Reader, Unsure

_WORKSPACES = ("MLFLOW_WORKSPACE", "MLFLOW_ENABLE_WORKSPACES")
R = TypeVar("R")
PATIENCE = 30.0
"""Seconds that a call waits for a tracking server that this process has reached before."""


class Connection:
    """A tracking server and the experiment of one project on it.

    The first call connects, and raises StoreUnavailable if the server is unreachable.
    """

    def __init__(
        self, uri: str, experiment: str, artifacts: Path, artifact_root: str | None = None
    ) -> None:
        """`artifacts` is the folder for files of a local (SQLite) store; a server has its own.

        `artifact_root`, an absolute path or an address, takes precedence over both. A database
        without a server needs it.

        Raises:
            SettingsError: `uri` is a folder, or unknown to MLflow; or a login in the
                environment contains an illegal character.
        """
        credentials.trim_logins()
        redaction.note_address(uri)
        self.uri = normal(uri)
        self._kind = kind_of(self.uri)
        self.name = experiment
        self.patience = PATIENCE
        self._reached = False
        self._artifacts, self._artifact_root = artifacts, artifact_root
        self._locations = Locations.of(self.uri, artifacts)

    @cached_property
    def _client(self) -> Any:
        from fullturn.store.client import connect
        from fullturn.store.retries import RetryingClient

        if self._kind == "sqlite":
            from fullturn.store.database import ready

            path = ready(self.uri, own=self._locations.folder is not None)
            if path is not None:
                self._locations.rewrite(path, self.name)
        return RetryingClient(connect(self.uri), lambda: self._reached, lambda: self.patience)

    @cached_property
    def _light(self) -> Reader | None:
        """The light reader; None once it was unsure."""
        return light_reader(self.uri, self.name, self._locations)

    @cached_property
    def _heavy(self) -> Reader:
        from fullturn.store.client_reader import ClientReader

        return ClientReader(self.uri, self.name, lambda: self._client, self._locations)

    def _ask(self, question: Callable[[Reader], R]) -> R:
        """The light reader's answer; once that is unsure, the answer of MLflow's client."""
        light = self._light
        if light is not None:
            with contextlib.suppress(Unsure):
                answer = question(light)
                self._reached = True
                return answer
            self._light = None
        return question(self._heavy)

    @cached_property
    def login(self) -> str | None:
        """The name of this login, as the tracking server says it; None if that has no logins."""
        if self._kind != "server":
            return None
        with contextlib.suppress(Unsure):
            server = Server.of(self.uri)
            if server is not None:
                return server.login()
        return self._asked_login()

    @guarded
    def _asked_login(self) -> str | None:
        from fullturn.store.client import current_login

        return current_login(self.uri)

    @property
    def is_light(self) -> bool:
        """Whether reads go without MLflow's client so far. Only tests ask: answers are the same."""
        return self._light is not None

    @property
    def writes_at_once(self) -> bool:
        """Whether this process has imported MLflow: otherwise its first write takes seconds."""
        return "fullturn.store.client" in sys.modules

    @cached_property
    def experiment_id(self) -> str:
        """The experiment's id; it is created if it does not exist."""
        return self._ask(lambda reader: reader.experiment()) or self._new_experiment()

    @guarded
    def _new_experiment(self) -> str:
        from fullturn.store.client import MlflowException

        location = self._location()
        try:
            return str(self._client.create_experiment(self.name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            made = self._client.get_experiment_by_name(self.name)
            if made is None:
                raise
            return str(made.experiment_id)

    def _location(self) -> str | None:
        """Where files of a new experiment go; None if the server decides."""
        if self._artifact_root is not None:
            return artifact_location(self._artifact_root, self.name)
        if self._kind == "database":
            raise SettingsError(
                f"{self.uri} is a database without a server: files of runs would stay on this "
                "machine, out of reach of others. Set artifact_root in fullturn.toml, or "
                "MLFLOW_DEFAULT_ARTIFACT_ROOT, to a shared folder or a bucket (s3://…); or run "
                "`mlflow server` on the database and name its address as tracking_uri"
            )
        return self._artifacts.resolve().as_uri() if self._kind == "sqlite" else None

    @cached_property
    def _files(self) -> Any:
        """What writes files: MLflow's client, or ours for those that move with the project.

        Raises:
            SettingsError: they would go to a folder that only another machine has.
        """
        if self._locations.folder is not None and self._artifact_root is None:
            return LocalFiles(self._client, self._locations)
        location = ""
        if self._kind != "sqlite":
            location = self._client.get_experiment(self.experiment_id).artifact_location
        if location and is_elsewhere(location):
            raise SettingsError(
                f"files of experiment '{self.name}' go to {location}, a folder that this machine "
                "does not have: mount it, or use another experiment (`name` in fullturn.toml) "
                "with artifact_root set to a place that every machine reaches"
            )
        return self._client

    def link(self, run_id: str) -> str:
        """Where MLflow's own pages show this run, or how to open them."""
        if self.uri.startswith("http"):
            page = f"{self.uri.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{run_id}"
            return redacted(page)
        return redacted(f"mlflow ui --backend-store-uri {quote(self.uri, safe=':/@')}")


def light_reader(uri: str, experiment: str, locations: Locations | None = None) -> Reader | None:
    """The light reader for an address; None if there is none, or MLflow's workspaces are used."""
    if any(os.environ.get(name) for name in _WORKSPACES):
        return None
    if uri.startswith("sqlite:"):
        from fullturn.store.sqlite import SqliteReader

        return SqliteReader.of(uri, experiment, locations)
    if uri.startswith(("http://", "https://")):
        from fullturn.store.rest import RestReader

        return RestReader.of(uri, experiment)
    return None
