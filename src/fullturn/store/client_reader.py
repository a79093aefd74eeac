"""A project read through MLflow's client: slow, but for every address that MLflow supports."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.records import Registered
from fullturn.store import files
from fullturn.store.client import MlflowException, entities, pointed_at
from fullturn.store.errors import guarded
from fullturn.store.locations import AS_RECORDED, Locations
from fullturn.store.reading import (
    INFO,
    PAGE,
    RunQuery,
    Unsure,
    active,
    conditions,
    iso,
    meets,
    run_record,
    version_query,
)

_LOGGED = "models:/m-"


class ClientReader:
    """Reads through MLflow's client and raises our errors."""

    def __init__(
        self,
        uri: str,
        name: str,
        connected: Callable[[], Any],
        locations: Locations = AS_RECORDED,
    ) -> None:
        """`connected` returns MLflow's client; it is called when something is read."""
        self.uri, self.name = uri, name
        self._locations = locations
        self._connected = connected

    @property
    def _client(self) -> Any:
        return self._connected()

    @guarded
    def experiment(self) -> str | None:
        """The id of the project's experiment; None before the first write."""
        found = self._client.get_experiment_by_name(self.name)
        if found is None:
            return None
        return active(str(found.experiment_id), found.lifecycle_stage, self.name, self.uri)

    @guarded
    def run(self, run_id: str) -> RunRecord:
        """A run. Raises NotFound."""
        return _record(self._client.get_run(run_id))

    @guarded
    def search(self, query: RunQuery) -> list[RunRecord]:
        """Page through a search; a run that starts meanwhile shifts the pages by one."""
        experiment = self.experiment()
        found: dict[str, RunRecord] = {}
        token = None
        while experiment and (query.limit is None or len(found) < query.limit):
            page = self._client.search_runs(
                [experiment],
                conditions(query),
                entities.ViewType.ACTIVE_ONLY,
                PAGE if query.limit is None else min(PAGE, query.limit - len(found)),
                ["start_time DESC"],
                token,
            )
            found |= {run.info.run_id: _record(run) for run in page}
            token = page.token
            if not token:
                break
        return [run for run in found.values() if meets(run, query)]

    @guarded
    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_model_versions(
                version_query(name), max_results=PAGE, page_token=token
            )
            found += page
            token = page.token
            if not token:
                break
        # A search does not return aliases.
        of = self._client.get_registered_model(name).aliases if found else {}
        named = [version_of(v, {a for a, n in of.items() if n == v.version}) for v in found]
        return sorted(named, key=lambda v: v.version)

    @guarded
    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model; empty if there is no such model."""
        try:
            found = self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return Registered({}, {})
            raise
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        return Registered(aliases, dict(found.tags))

    @guarded
    def artifact(self, run_id: str, name: str, into: Path | None) -> Path:
        """A local path of a run's artifact, a file or a folder. Raises NotFound."""
        recorded = self._client.get_run(run_id).info.artifact_uri
        if self._locations.folder is not None:
            with contextlib.suppress(Unsure):
                root = files.folder_of(self._locations.current(recorded))
                return files.fetch(root, run_id, name, into)
        parent = str(Path(name).parent)
        listed = self._client.list_artifacts(run_id, None if parent == "." else parent)
        if name not in {item.path for item in listed}:
            raise files.no_artifact(run_id, name)
        return Path(self._client.download_artifacts(run_id, name, _place(recorded, into)))

    @guarded
    def model(self, source: str) -> Path:
        """The local folder of a logged model; of a server's, a download. Raises NotFound."""
        recorded = source
        if source.startswith(_LOGGED):
            model = self._client.get_logged_model(source.removeprefix("models:/"))
            recorded = model.artifact_location
            if self._locations.folder is not None:
                with contextlib.suppress(Unsure):
                    return files.existing(files.folder_of(self._locations.current(recorded)))
        source = self._locations.current(source) or source
        place = _place(recorded, None) if self._locations.folder is None else None
        artifacts = pointed_at(self.uri).artifacts
        return Path(artifacts.download_artifacts(source, dst_path=place, tracking_uri=self.uri))


def _place(recorded: str, into: Path | None) -> str | None:
    """Where MLflow puts a copy of artifacts at a recorded location; None if it needs none, as they
    are in a folder of this machine."""
    if into is not None:
        return str(into)
    is_local = urlsplit(recorded).scheme in ("", "file")
    return None if is_local else str(files.download_folder())


def version_of(version: Any, aliases: Iterable[str] = ()) -> ModelVersion:
    """A model version from MLflow's."""
    return ModelVersion(
        name=version.name,
        version=int(version.version),
        run_id=version.run_id or "",
        source=version.source,
        aliases=tuple(sorted(aliases)),
        tags=dict(version.tags or {}),
        created=iso(version.creation_timestamp),
    )


def _record(run: Any) -> RunRecord:
    info, data = run.info, run.data
    known = {name: getattr(info, name) for name in INFO}
    return run_record(known, data.params, data.metrics, data.tags)
