"""A project on an MLflow server, read over HTTP without MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.records import Registered
from fullturn.store import files
from fullturn.store.http import API, Server
from fullturn.store.reading import (
    PAGE,
    RunQuery,
    Unsure,
    active,
    conditions,
    iso,
    meets,
    registered_model,
    run_record,
    version_query,
)


class RestReader:
    """Reads over HTTP, on connections that stay open."""

    def __init__(self, server: Server, experiment: str) -> None:
        self.name = experiment
        self._server = server
        self._known: str | None = None

    @classmethod
    def of(cls, uri: str, experiment: str) -> RestReader | None:
        """The reader for an address; None if reaching it takes more than is supported here."""
        server = Server.of(uri)
        return cls(server, experiment) if server else None

    def experiment(self) -> str | None:
        """The id of the project's experiment; None before the first write."""
        if self._known is None:
            found = self._server.one(
                "experiments/get-by-name", "experiment", experiment_name=self.name
            )
            if found is not None:
                stage = found.get("lifecycle_stage", "")
                self._known = active(
                    str(found["experiment_id"]), stage, self.name, self._server.uri
                )
        return self._known

    def run(self, run_id: str) -> RunRecord:
        """A run. Raises NotFound."""
        return _record(self._run(run_id))

    def search(self, query: RunQuery) -> list[RunRecord]:
        """Runs of the project that were not deleted, newest first."""
        experiment = self.experiment()
        asked = {
            "experiment_ids": [experiment],
            "filter": conditions(query),
            "run_view_type": "ACTIVE_ONLY",
            "order_by": ["start_time DESC"],
        }
        found: dict[str, RunRecord] = {}
        token = None
        while experiment and (query.limit is None or len(found) < query.limit):
            most = PAGE if query.limit is None else min(PAGE, query.limit - len(found))
            more = {"max_results": most, **({"page_token": token} if token else {})}
            page = self._server.ask("POST", API + "runs/search", json=asked | more)
            found |= {run["info"]["run_id"]: _record(run) for run in page.get("runs", ())}
            token = page.get("next_page_token")
            if not token:
                break
        return [run for run in found.values() if meets(run, query)]

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""
        asked = {"filter": version_query(name), "max_results": PAGE}
        found: list[Mapping[str, Any]] = []
        token = None
        while True:
            params = asked | ({"page_token": token} if token else {})
            page = self._server.ask("GET", API + "model-versions/search", params=params)
            found += page.get("model_versions", ())
            token = page.get("next_page_token")
            if not token:
                break
        aliases = self.registered(name).aliases if found else {}
        return sorted((_version(one, aliases) for one in found), key=lambda one: one.version)

    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model; empty if there is no such model."""
        found = self._server.one("registered-models/get", "registered_model", name=name) or {}
        aliases = {one["alias"]: int(one["version"]) for one in found.get("aliases", ())}
        return registered_model(aliases, _pairs(found.get("tags", ())))

    def artifact(self, run_id: str, name: str, into: Path | None) -> Path:
        """A local path of a run's artifact, a file or a folder. Raises NotFound."""
        root = self._run(run_id)["info"]["artifact_uri"]
        if root.startswith("file:"):
            return files.fetch(files.folder_of(root), run_id, name, into)
        parent = str(files.relative(name).parent)
        listed = dict(self._listed(root, "" if parent == "." else parent))
        if name not in listed:
            raise files.no_artifact(run_id, name)
        if into is not None and not into.is_dir():
            raise Unsure(f"no folder {into}")
        if listed[name]:
            return self._download(root, self._below(root, name), into) / name
        return self._download(root, [name], into, parent) / Path(name).name

    def model(self, source: str) -> Path:
        """The local folder of a logged model; a download, if the server has the files."""
        number = quote(source.removeprefix("models:/"), safe="")
        found = self._server.one(f"logged-models/{number}", "model")
        if found is None:
            raise Unsure(source)
        root = found["info"]["artifact_uri"]
        if root.startswith("file:"):
            return files.existing(files.folder_of(root))
        return self._download(root, self._below(root, ""), None)

    def _run(self, run_id: str) -> dict[str, Any]:
        found = self._server.one("runs/get", "run", run_id=run_id)
        if found is None:
            said = f"RESOURCE_DOES_NOT_EXIST: Run with id={run_id} not found"
            raise NotFound(f"{said} (tracking server {self._server.uri})")
        return found

    def _below(self, root: str, folder: str) -> Iterator[str]:
        """The files in a folder of artifacts, and in those in it, by their names from `root` on."""
        for name, is_folder in self._listed(root, folder):
            yield from self._below(root, name) if is_folder else [name]

    def _listed(self, root: str, folder: str) -> Iterator[tuple[str, bool]]:
        """Entries of a folder of artifacts: names from `root` on, and whether each is a folder."""
        path = "/".join(part for part in (_inside(root), folder) if part)
        for one in self._server.listed(path):
            name = str(files.relative(one["path"]))
            yield (f"{folder}/{name}" if folder else name), bool(one["is_dir"])

    def _download(
        self, root: str, names: Iterable[str], into: Path | None, less: str = "."
    ) -> Path:
        """Fetch files, by their names from `root` on, into a folder, without the folders `less`."""
        folder = (into or files.download_folder()).absolute()
        for name in names:
            path = folder / Path(name).relative_to(less)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._server.download(f"{_inside(root)}/{name}", path)
        return folder


def _inside(root: str) -> str:
    """Where the artifacts below `root` are in the store that the server proxies."""
    parts = urlsplit(root)
    if parts.scheme != "mlflow-artifacts" or parts.netloc or "%" in root:
        raise Unsure(root)
    return parts.path.strip("/")


def _record(run: Mapping[str, Any]) -> RunRecord:
    info, data = run["info"], run.get("data", {})
    known = {
        "run_id": info["run_id"],
        "run_name": info.get("run_name", ""),
        "status": info["status"],
        "start_time": info.get("start_time"),
        "end_time": info.get("end_time"),
    }
    metrics = {one["key"]: float(one["value"]) for one in data.get("metrics", ())}
    return run_record(known, _pairs(data.get("params", ())), metrics, _pairs(data.get("tags", ())))


def _pairs(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in entries}


def _version(one: Mapping[str, Any], aliases: Mapping[str, int]) -> ModelVersion:
    number = int(one["version"])
    return ModelVersion(
        name=one["name"],
        version=number,
        run_id=one.get("run_id", ""),
        source=one.get("source", ""),
        aliases=tuple(sorted(alias for alias, version in aliases.items() if version == number)),
        tags=_pairs(one.get("tags", ())),
        created=iso(int(one.get("creation_timestamp", 0))),
    )
