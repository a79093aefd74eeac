"""Runs and their artifacts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fullturn.core.entities import DatasetVersion, Params, RunRecord, RunStatus
from fullturn.core.records import Point
from fullturn.core.redaction import redacted, redacted_tags
from fullturn.core.tags import KIND
from fullturn.store.connection import Connection
from fullturn.store.errors import guarded
from fullturn.store.reading import RunQuery

BATCH = 1000
"""Most metrics that MLflow takes in one call."""
_PAGES = (".html", ".md")
_ID = re.compile("[0-9a-f]{4,32}")
"""Of a run, or its beginning."""


class Runs(Connection):
    """Runs of one project."""

    @guarded
    def start_run(self, kind: str, name: str, params: Params, tags: Mapping[str, str]) -> str:
        """Create a run in status RUNNING; returns its id."""
        from fullturn.store.client import entities

        own = redacted_tags({KIND: kind, "mlflow.runName": name, **tags})
        run = self._client.create_run(self.experiment_id, tags=own)
        entries = [
            entities.Param(key, redacted(str(value))[:6000]) for key, value in params.items()
        ]
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

        masked = redacted_tags(tags)
        entries = [entities.RunTag(key, value[:8000]) for key, value in masked.items()]
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

    def run(self, run_id: str) -> RunRecord:
        """A run by its id."""
        return self._ask(lambda reader: reader.run(run_id))

    def runs(
        self,
        kind: str | None = None,
        limit: int | None = None,
        status: RunStatus | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[RunRecord]:
        """Runs of this project, newest first: all, or the newest `limit`.

        Only those of one kind, of one status, with these values of these tags, if given: the
        server filters.
        """
        asked = {**({KIND: kind} if kind else {}), **(tags or {})}
        return self._search(RunQuery(asked, status, limit=limit))

    def runs_called(self, reference: str, kind: str | None = None) -> list[RunRecord]:
        """Runs whose id begins with `reference` (4 characters or more), then those of this name."""
        of_kind = {KIND: kind} if kind else {}
        queries = [RunQuery(of_kind, name=reference)]
        if _ID.fullmatch(reference):
            queries.insert(0, RunQuery(of_kind, id_prefix=reference))
        return [run for query in queries for run in self._search(query)]

    def _search(self, query: RunQuery) -> list[RunRecord]:
        return self._ask(lambda reader: reader.search(query))

    @guarded
    def put(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Store a file, or the contents of a folder, as artifacts of a run."""
        if path.is_dir():
            self._files.log_artifacts(run_id, str(path), folder)
        else:
            self._files.log_artifact(run_id, str(path), folder)

    @guarded
    def put_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text as an artifact of a run; in a page for people, secrets are masked.

        Data are stored as they are: digests are taken of them.
        """
        if name.endswith(_PAGES):
            text = redacted(text)
        self._files.log_text(run_id, text, name)

    def get(self, run_id: str, name: str, into: Path | None = None) -> Path:
        """Fetch an artifact of a run, a file or a folder; returns a local path.

        It is put `into` a folder, or into a temporary one, removed when this process ends.

        Raises:
            NotFound: the run has no such artifact.
        """
        return self._ask(lambda reader: reader.artifact(run_id, name, into))
