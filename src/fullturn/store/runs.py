"""Runs and their artifacts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import DatasetVersion, Params, RunRecord, RunStatus
from fullturn.core.errors import NotFound
from fullturn.core.records import Point
from fullturn.core.tags import PREFIX
from fullturn.store.connection import Connection, equal_to, guarded, iso

BATCH = 1000
"""Most metrics that MLflow takes in one call."""
PAGE = 1000
"""Runs asked for in one call."""
_ID = re.compile("[0-9a-f]{4,32}")
"""Of a run, or its beginning."""


class Runs(Connection):
    """Runs of one project."""

    @guarded
    def start_run(self, kind: str, name: str, params: Params, tags: Mapping[str, str]) -> str:
        """Create a run in status RUNNING; returns its id."""
        from fullturn.store.client import entities

        own = {PREFIX + "kind": kind, "mlflow.runName": name, **tags}
        run = self._client.create_run(self.experiment_id, tags=own)
        entries = [entities.Param(key, str(value)[:6000]) for key, value in params.items()]
        self._client.log_batch(run.info.run_id, params=entries)
        return str(run.info.run_id)

    @guarded
    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Write metric values; the same points again change nothing (their key is unique)."""
        from fullturn.store.client import entities

        for start in range(0, len(points), BATCH):
            batch = [
                entities.Metric(p.key, p.value, p.timestamp, p.step) for p in points[start:][:BATCH]
            ]
            self._client.log_batch(run_id, metrics=batch)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Write one value for each metric, now."""
        now = time.time_ns() // 1_000_000
        self.log_points(run_id, [Point(key, value, now, step) for key, value in metrics.items()])

    @guarded
    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from fullturn.store.client import entities

        entries = [entities.RunTag(key, value[:8000]) for key, value in tags.items()]
        self._client.log_batch(run_id, tags=entries)

    @guarded
    def end_run(self, run_id: str, status: RunStatus) -> None:
        """Give a run its final status."""
        self._client.set_terminated(run_id, status)

    @guarded
    def log_dataset(self, run_id: str, data: DatasetVersion, context: str) -> None:
        """Record which dataset version a run used, with our content digest."""
        from fullturn.store.client import entities

        source = {"uri": data.uri, "version": data.version, "digest": data.digest}
        entity = entities.Dataset(
            name=data.name,
            digest=data.digest[:36],
            source_type="delta_table",
            source=json.dumps(source),
            profile=json.dumps({"rows": data.rows, **data.splits}),
        )
        tag = entities.InputTag("mlflow.data.context", context)
        self._client.log_inputs(run_id, [entities.DatasetInput(entity, [tag])])

    @guarded
    def run(self, run_id: str) -> RunRecord:
        """Read a run back."""
        return _record(self._client.get_run(run_id))

    def runs(
        self,
        kind: str | None = None,
        limit: int | None = None,
        status: RunStatus | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[RunRecord]:
        """Runs of this project, newest first: all, or the newest `limit`.

        Only those of one kind, of one status, with these values of these tags, if given: the
        server then sends no others.
        """
        asked = {**({PREFIX + "kind": kind} if kind else {}), **(tags or {})}
        conditions = [f"tags.`{key}` {equal_to(value)}" for key, value in asked.items()]
        if status:
            conditions.append(f"attributes.status {equal_to(status)}")
        found = self._search(conditions, limit)
        return [run for run in found if all(run.tags.get(k) == v for k, v in asked.items())]

    def runs_called(self, reference: str, kind: str | None = None) -> list[RunRecord]:
        """Runs whose id begins so (4 characters or more), then those of this name, newest first."""
        of_kind = [f"tags.`{PREFIX}kind` {equal_to(kind)}"] if kind else []
        begun = [f"attributes.run_id LIKE '{reference}%'"]
        by_id = self._search([*of_kind, *begun], None) if _ID.fullmatch(reference) else []
        named = self._search([*of_kind, f"attributes.run_name {equal_to(reference)}"], None)
        return [*by_id, *(run for run in named if run.name == reference)]

    @guarded
    def _search(self, conditions: Sequence[str], limit: int | None) -> list[RunRecord]:
        """Page through a search; a run that starts meanwhile moves the pages on by one."""
        from fullturn.store.client import entities

        found: dict[str, RunRecord] = {}
        token = None
        while limit is None or len(found) < limit:
            page = self._client.search_runs(
                [self.experiment_id],
                " and ".join(conditions),
                entities.ViewType.ACTIVE_ONLY,
                PAGE if limit is None else min(PAGE, limit - len(found)),
                ["start_time DESC"],
                token,
            )
            found |= {run.info.run_id: _record(run) for run in page}
            token = page.token
            if not token:
                break
        return list(found.values())

    @guarded
    def put(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Store a file, or what a folder holds, as artifacts of a run."""
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), folder)
        else:
            self._client.log_artifact(run_id, str(path), folder)

    @guarded
    def put_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text as an artifact of a run."""
        self._client.log_text(run_id, text, name)

    @guarded
    def get(self, run_id: str, name: str, into: Path | None = None) -> Path:
        """Fetch an artifact of a run, a file or a folder; returns a local path.

        It is put `into` a folder, or into a temporary one that nobody removes.

        Raises:
            NotFound: the run has no such artifact.
        """
        parent = str(Path(name).parent)
        listed = self._client.list_artifacts(run_id, None if parent == "." else parent)
        if name not in {item.path for item in listed}:
            raise NotFound(f"run {run_id} has no artifact '{name}'; was it interrupted?")
        to = str(into) if into else None
        return Path(self._client.download_artifacts(run_id, name, to))


def _record(run: Any) -> RunRecord:
    info, data = run.info, run.data
    ended = info.end_time
    return RunRecord(
        id=info.run_id,
        name=info.run_name,
        kind=data.tags.get(PREFIX + "kind", ""),
        status=info.status,
        started=iso(info.start_time),
        duration=(ended - info.start_time) / 1000 if ended else None,
        params=dict(data.params),
        metrics=dict(data.metrics),
        tags=dict(data.tags),
    )
