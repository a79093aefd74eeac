"""The tracking server: runs, artifacts, models, versions, aliases, prompts and traces.

The only module that imports mlflow. MLflow is the system of record: everything written here
looks right in MLflow's own pages, and stays there when fullturn is taken away.
"""

from __future__ import annotations

import base64
import functools
import json
import logging
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import (
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
    TraceInfo,
    TraceLocation,
    TraceState,
    ViewType,
)
from mlflow.entities import Span as MlflowSpan
from mlflow.exceptions import MlflowException
from mlflow.tracing.client import TracingClient
from sqlalchemy.exc import SQLAlchemyError

from fullturn.entities import DatasetVersion, ModelVersion, Params, RunRecord, RunStatus
from fullturn.errors import FullturnError, NotFound, StoreUnavailable, UsageError

for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

P = ParamSpec("P")
R = TypeVar("R")

PREFIX = "fullturn."
NOTE = "mlflow.note.content"
"""The tag whose Markdown MLflow shows as a run's description."""
BATCH = 1000
"""Most metrics that MLflow takes in one call."""
_MISSING = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric; `timestamp` in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a traced answer; `start` and `end` in nanoseconds since 1970."""

    name: str
    kind: str
    inputs: Any
    outputs: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Traced:
    """An answered question: the first span is the whole, the others are its steps."""

    id: str
    """32 hexadecimal digits."""
    spans: tuple[Span, ...]
    tags: Mapping[str, str]
    run_id: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The record of a registered model, above its versions."""

    aliases: Mapping[str, int]
    tags: Mapping[str, str]


def _guarded(call: Callable[P, R]) -> Callable[P, R]:
    """Turn MLflow's one exception into ours."""

    @functools.wraps(call)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except MlflowException as error:
            store: Any = args[0]
            raise _translated(error, store.uri) from error
        except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
            store = args[0]
            raise StoreUnavailable(_unavailable(store.uri, error)) from error

    return wrapper


def _translated(error: MlflowException, uri: str) -> FullturnError:
    if error.error_code == "RESOURCE_DOES_NOT_EXIST":
        return NotFound(_without_password(f"{_first_line(error)} (tracking server {uri})"))
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return UsageError(_without_password(f"{_first_line(error)} (tracking server {uri})"))
    return StoreUnavailable(_unavailable(uri, error))


def _unavailable(uri: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        step = f"install {error.name}, or another driver for it"
    else:
        step = "check `tracking_uri` in fullturn.toml, or MLFLOW_TRACKING_URI, and try again"
    reason = _first_line(_cause(error))
    return _without_password(
        f"the tracking server {uri} does not answer or refuses: {reason}; {step}"
    )


def _cause(error: BaseException) -> BaseException:
    """What the system or SQLite said, under the layers that passed it on."""
    found, below = error, error.__cause__ or error.__context__
    while below is not None:
        if isinstance(below, OSError | sqlite3.Error):
            found = below
        below = below.__cause__ or below.__context__
    return found


def _without_password(text: str) -> str:
    return re.sub(r"(://[^:/@\s]*):[^/@\s]+@", r"\1:…@", text)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition(" failed with exception")[0].splitlines()
    return (text[0] if text else type(error).__name__)[:300]


def _iso(milliseconds: int | None) -> str:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).isoformat(timespec="seconds")


def _quoted(value: str) -> str:
    return value.replace("'", "")


class Store:
    """A tracking server and the experiment of one project on it."""

    def __init__(self, uri: str, experiment: str, artifacts: Path) -> None:
        """`artifacts` is where a local (SQLite) store keeps files; a server has its own place.

        Raises:
            StoreUnavailable: the server does not answer.
        """
        self.uri = uri
        self.name = experiment
        self._artifacts = artifacts
        self._make()

    @_guarded
    def _make(self) -> None:
        _point_mlflow_at(self.uri)
        self._client = MlflowClient(self.uri, self.uri)
        found = self._client.get_experiment_by_name(self.name)
        self.experiment_id = found.experiment_id if found else self._create_experiment()

    def _create_experiment(self) -> str:
        local = None if self.uri.startswith("http") else self._artifacts.resolve().as_uri()
        try:
            return str(self._client.create_experiment(self.name, artifact_location=local))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            made = self._client.get_experiment_by_name(self.name)
            if made is None:
                raise
            return str(made.experiment_id)

    # Runs

    @_guarded
    def start_run(self, kind: str, name: str, params: Params, tags: Mapping[str, str]) -> str:
        """Create a run in status RUNNING; returns its id."""
        own = {PREFIX + "kind": kind, "mlflow.runName": name, **tags}
        run = self._client.create_run(self.experiment_id, tags=own)
        entries = [Param(key, str(value)[:6000]) for key, value in params.items()]
        self._client.log_batch(run.info.run_id, params=entries)
        return str(run.info.run_id)

    @_guarded
    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Write metric values; the same points again change nothing (their key is unique)."""
        for start in range(0, len(points), BATCH):
            batch = [Metric(p.key, p.value, p.timestamp, p.step) for p in points[start:][:BATCH]]
            self._client.log_batch(run_id, metrics=batch)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Write one value for each metric, now."""
        now = time.time_ns() // 1_000_000
        self.log_points(run_id, [Point(key, value, now, step) for key, value in metrics.items()])

    @_guarded
    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        entries = [RunTag(key, value[:8000]) for key, value in tags.items()]
        self._client.log_batch(run_id, tags=entries)

    @_guarded
    def end_run(self, run_id: str, status: RunStatus) -> None:
        """Give a run its final status."""
        self._client.set_terminated(run_id, status)

    @_guarded
    def log_dataset(self, run_id: str, data: DatasetVersion, context: str) -> None:
        """Record which dataset version a run used, with our content digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {"uri": data.uri, "version": data.version, "digest": data.digest}
        entity = Dataset(
            name=data.name,
            digest=data.digest[:36],
            source_type="delta_table",
            source=json.dumps(source),
            profile=json.dumps({"rows": data.rows, **data.splits}),
        )
        tag = InputTag("mlflow.data.context", context)
        self._client.log_inputs(run_id, [DatasetInput(entity, [tag])])

    @_guarded
    def run(self, run_id: str) -> RunRecord:
        """Read a run back."""
        return _record(self._client.get_run(run_id))

    @_guarded
    def runs(
        self, kind: str | None = None, limit: int = 1000, status: RunStatus | None = None
    ) -> list[RunRecord]:
        """Runs of this project, newest first; of one kind or status if given."""
        conditions = [f"tags.`{PREFIX}kind` = '{_quoted(kind)}'"] if kind else []
        conditions += [f"attributes.status = '{status}'"] if status else []
        found = self._client.search_runs(
            [self.experiment_id],
            " and ".join(conditions),
            ViewType.ACTIVE_ONLY,
            limit,
            ["start_time DESC"],
        )
        return [_record(run) for run in found]

    def find_run(self, reference: str, kind: str | None = None) -> RunRecord:
        """The newest run with this id, id prefix (4 characters or more) or name.

        Raises:
            NotFound: no run, or several ids, match.
        """
        runs = self.runs(kind)
        exact = [run for run in runs if reference in (run.id, run.name)]
        matches = exact[:1] or [
            r for r in runs if len(reference) > 3 and r.id.startswith(reference)
        ]
        if len(matches) == 1:
            return matches[0]
        what = "several runs match" if matches else "no run matches"
        raise NotFound(f"{what} '{reference}'; `fullturn runs` lists them")

    # Artifacts

    @_guarded
    def put(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Store a file, or what a folder holds, as artifacts of a run."""
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), folder)
        else:
            self._client.log_artifact(run_id, str(path), folder)

    @_guarded
    def put_text(self, run_id: str, text: str, name: str) -> None:
        """Store a text as an artifact of a run."""
        self._client.log_text(run_id, text, name)

    @_guarded
    def get(self, run_id: str, name: str) -> Path:
        """Fetch an artifact of a run; returns a local path.

        Raises:
            NotFound: the run has no such artifact.
        """
        parent = str(Path(name).parent)
        listed = self._client.list_artifacts(run_id, None if parent == "." else parent)
        if name not in {item.path for item in listed}:
            raise NotFound(f"run {run_id} has no artifact '{name}'; was it interrupted?")
        return Path(self._client.download_artifacts(run_id, name))

    # Models

    @_guarded
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
        run = self._client.get_run(run_id)
        model = self._client.create_logged_model(
            self.experiment_id,
            name=re.sub(r"[/:.%\"']", "-", name),
            source_run_id=run_id,
            tags=dict(tags),
            params=dict(run.data.params),
        )
        self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        now = time.time_ns() // 1_000_000
        of_model = [Metric(k, v, now, 0, model_id=model.model_id) for k, v in metrics.items()]
        self._client.log_batch(run_id, metrics=of_model)
        return f"models:/{model.model_id}"

    @_guarded
    def fetch_model(self, source: str) -> Path:
        """The local folder of a bundle; for a remote server, a download of it."""
        return Path(mlflow.artifacts.download_artifacts(source, tracking_uri=self.uri))

    @_guarded
    def register(
        self, name: str, source: str, run_id: str, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Add the next version to a registered model, which is made if need be.

        The server numbers versions without gaps or repeats, also under concurrent calls.
        """
        self._ensure_model(name)
        for attempt in range(20):
            try:
                made = self._client.create_model_version(
                    name,
                    source,
                    run_id,
                    tags=dict(tags),
                    description=description or None,
                    model_id=source.removeprefix("models:/"),
                )
                return _version(made)
            except MlflowException as error:
                if "creation error" not in str(error).lower() and "lock" not in str(error).lower():
                    raise
                time.sleep(0.02 * (attempt + 1))
        raise StoreUnavailable(f"{self.uri} gave no version number for '{name}' in 20 attempts")

    def _ensure_model(self, name: str) -> None:
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    @_guarded
    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first; none if there is no such model."""
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_model_versions(
                f"name='{_quoted(name)}'", max_results=1000, page_token=token
            )
            found += page
            token = page.token
            if not token:
                break
        # A search leaves the aliases out.
        of = self._client.get_registered_model(name).aliases if found else {}
        named = [_version(v, {a for a, n in of.items() if n == v.version}) for v in found]
        return sorted(named, key=lambda v: v.version)

    @_guarded
    def registered(self, name: str) -> Registered:
        """Aliases and tags of a registered model, in one call; none of a model not there yet."""
        try:
            found = self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return Registered({}, {})
            raise
        aliases = {alias: int(version) for alias, version in found.aliases.items()}
        return Registered(aliases, dict(found.tags))

    @_guarded
    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags of a registered model."""
        for key, value in tags.items():
            self._client.set_registered_model_tag(name, key, value)

    @_guarded
    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points at, or None."""
        try:
            return int(self._client.get_model_version_by_alias(name, alias).version)
        except MlflowException as error:
            if error.error_code in _MISSING:
                return None
            raise

    @_guarded
    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version. Not compare-and-set: `registry` is."""
        self._client.set_registered_model_alias(name, alias, str(version))

    @_guarded
    def tag_version(self, name: str, version: int, tags: Mapping[str, str]) -> None:
        """Set tags of a model version."""
        for key, value in tags.items():
            self._client.set_model_version_tag(name, str(version), key, value)

    # Prompts and traces

    @_guarded
    def prompt(self, run_id: str, name: str, template: str) -> str:
        """Link a run to this prompt's version with this text, registered if the text is new.

        Returns its `prompts:/…` address.
        """
        latest = mlflow.genai.load_prompt(f"prompts:/{name}@latest", allow_missing=True)
        if latest is None or latest.template != template:
            latest = mlflow.genai.register_prompt(name, template)
        self._client.link_prompt_version_to_run(run_id, latest)
        return str(latest.uri)

    @_guarded
    def trace(self, traced: Traced) -> None:
        """Write one answered question; writing it twice changes nothing.

        Goes to the server directly: MLflow's own exporter only logs a warning when it fails.
        """
        whole, *steps = traced.spans
        client = TracingClient(self.uri)
        client.start_trace(_trace_info(traced, self.experiment_id))
        root = _span(traced.id, 0, whole)
        spans = [root, *(_span(traced.id, n, step) for n, step in enumerate(steps, 1))]
        client.log_spans(self.experiment_id, spans)

    @_guarded
    def traces(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest traces of this project: id, tags, request and response previews."""
        found = mlflow.search_traces(
            locations=[self.experiment_id], max_results=limit, return_type="list"
        )
        return [_trace(trace) for trace in found]

    def link(self, run_id: str) -> str:
        """Where MLflow's own pages show this run, or how to open them."""
        if self.uri.startswith("http"):
            return f"{self.uri.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{run_id}"
        return f"mlflow ui --backend-store-uri {quote(self.uri, safe=':/')}"


def _point_mlflow_at(uri: str) -> None:
    """Set the address for the calls that take none (prompts, traces), in this process only.

    MLflow also writes it into the environment, where the next project would find it.
    """
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before


def save_pyfunc(
    folder: Path, bundle: str, loader: str, columns: Iterable[tuple[str, str]], metadata: Params
) -> None:
    """Write `MLmodel` beside a bundle, so that plain `mlflow.pyfunc.load_model` can load it.

    `loader` is an installed module with `_load_pyfunc(path)`: no code is stored, nothing pickled.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {"number": DataType.double}
    schema = Schema([ColSpec(kinds.get(kind, DataType.string), name) for name, kind in columns])
    model = Model(signature=ModelSignature(inputs=schema), metadata=dict(metadata))
    mlflow.pyfunc.add_to_model(model, loader_module=loader, data=bundle)
    model.save(str(folder / "MLmodel"))


def _record(run: Any) -> RunRecord:
    info, data = run.info, run.data
    ended = info.end_time
    return RunRecord(
        id=info.run_id,
        name=info.run_name,
        kind=data.tags.get(PREFIX + "kind", ""),
        status=info.status,
        started=_iso(info.start_time),
        duration=(ended - info.start_time) / 1000 if ended else None,
        params=dict(data.params),
        metrics=dict(data.metrics),
        tags=dict(data.tags),
    )


def _version(version: Any, aliases: Iterable[str] = ()) -> ModelVersion:
    return ModelVersion(
        name=version.name,
        version=int(version.version),
        run_id=version.run_id or "",
        source=version.source,
        aliases=tuple(sorted(aliases)),
        tags=dict(version.tags or {}),
        created=_iso(version.creation_timestamp),
    )


def _trace_info(traced: Traced, experiment_id: str) -> TraceInfo:
    whole = traced.spans[0]
    return TraceInfo(
        trace_id=f"tr-{traced.id}",
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=whole.start // 1_000_000,
        state=TraceState.OK,
        request_preview=json.dumps(whole.inputs, ensure_ascii=False)[:1000],
        response_preview=json.dumps(whole.outputs, ensure_ascii=False, default=str)[:1000],
        execution_duration=(whole.end - whole.start) // 1_000_000,
        tags={"mlflow.traceName": whole.name, **traced.tags},
        trace_metadata={"mlflow.sourceRun": traced.run_id, "mlflow.trace_schema.version": "3"},
    )


def _span(trace_id: str, number: int, span: Span) -> MlflowSpan:
    """A span as MLflow stores it: ids in base64, attributes in JSON."""
    attributes = {
        "mlflow.traceRequestId": f"tr-{trace_id}",
        "mlflow.spanType": span.kind,
        "mlflow.spanInputs": span.inputs,
        "mlflow.spanOutputs": span.outputs,
    }
    first, own = (base64.b64encode(n.to_bytes(8)).decode() for n in (1, number + 1))
    return MlflowSpan.from_dict(
        {
            "trace_id": base64.b64encode(bytes.fromhex(trace_id)).decode(),
            "span_id": own,
            "parent_span_id": first if number else None,
            "name": span.name,
            "start_time_unix_nano": span.start,
            "end_time_unix_nano": span.end,
            "events": [],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {key: json.dumps(v, default=str) for key, v in attributes.items()},
        }
    )


def _trace(trace: Any) -> dict[str, Any]:
    return {
        "id": trace.info.trace_id,
        "tags": dict(trace.info.tags),
        "request": trace.info.request_preview,
        "response": trace.info.response_preview,
        "spans": [span.name for span in trace.data.spans],
    }
