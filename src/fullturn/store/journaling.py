"""Plain MLflow calls of a process that fullturn starts: its metrics go through the run's journal.

MLflow asks installed packages for tracking stores (entry points `mlflow.tracking_store`), and the
last one for a scheme wins. A folder on the `PYTHONPATH` of that one process offers MLflow's own
stores for the schemes that it has, with a few methods of them replaced, so that the tracking
address stays as it is and code changes in no line:

- a metric of the run is appended to its journal and is safe once the call returns, whatever
  happens to the process or to the server; the process that started it delivers it;
- reading the run waits until its metrics have been delivered;
- the run stays open when the code ends it as finished: it is evaluated next;
- `mlflow.set_experiment` before the run leads to the run's experiment;
- a model that is logged outside of any run belongs to this one.

What the process itself imports of fullturn needs no package but Python's own: its environment may
be another one, without those that fullturn needs.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from fullturn.core.entities import Params
from fullturn.core.journal import Journal, waiting
from fullturn.core.records import LOGGED_BY
from fullturn.core.steps import encode_step

PARENT = "FULLTURN_PARENT"
"""Environment variable of the process: a pipe that ends with the process that started it."""
VARIABLE = "FULLTURN_TRACKING"
"""Environment variable of the process: which run is journaled, and where."""
PATIENCE = 10.0
"""Seconds that reading a run waits for its metrics."""
_LOOK = 0.01
_VALIDATE = "_validate_metric"
"""MLflow's own check of a metric."""
_STORES = {"sqlite": "database", "postgresql": "database", "mysql": "database"}
_STORES |= {"mssql": "database", "http": "rest", "https": "rest"}
_ENTRY_POINTS = "\n".join(
    ["[mlflow.tracking_store]", *(f"{one} = {__name__}:{way}" for one, way in _STORES.items()), ""]
)
_ENDED_BADLY = ("FAILED", "KILLED")


def environment(
    uri: str, experiment: str, run: str, params: Params, journal: Path, folder: Path
) -> dict[str, str]:
    """Variables with which plain `mlflow` calls of another process log to a run.

    `folder`, which is made, is for what MLflow finds there.
    """
    metadata = folder / "fullturn_journal-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: fullturn-journal\nVersion: 1")
    (metadata / "entry_points.txt").write_text(_ENTRY_POINTS)
    package = folder / "fullturn"
    if not package.exists():
        package.symlink_to(Path(__file__).parents[1], target_is_directory=True)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    given = {name: str(value) for name, value in params.items()}
    found = {"run": run, "experiment": experiment, "journal": str(journal), "given": given}
    return {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_REGISTRY_URI": uri,
        "MLFLOW_EXPERIMENT_ID": experiment,
        "MLFLOW_RUN_ID": run,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        VARIABLE: json.dumps(found),
    }


def rest(store_uri: str | None = None, artifact_uri: str | None = None) -> Any:
    """MLflow's store for a server."""
    return _made("_get_rest_store", store_uri, artifact_uri)


def database(store_uri: str | None = None, artifact_uri: str | None = None) -> Any:
    """MLflow's store for a database."""
    return _made("_get_sqlalchemy_store", store_uri, artifact_uri)


def _made(builder: str, store_uri: str | None, artifact_uri: str | None) -> Any:
    utils = import_module("mlflow.tracking._tracking_service.utils")
    store = getattr(utils, builder)(store_uri=store_uri, artifact_uri=artifact_uri)
    if text := os.environ.get(VARIABLE):
        Journaled(store, **json.loads(text))
    if number := os.environ.pop(PARENT, ""):
        threading.Thread(target=_end_with_parent, args=(int(number),), daemon=True).start()
    return store


def _end_with_parent(pipe: int) -> None:
    """End this process when the one that started it is gone: nobody would take its model."""
    try:
        while os.read(pipe, 1):
            pass
    except OSError:  # a process further down, which did not inherit the pipe
        return
    os.kill(os.getpid(), signal.SIGTERM)


class Journaled:
    """The methods of one of MLflow's stores that are replaced; every other run is left to it."""

    def __init__(
        self, store: Any, run: str, experiment: str, journal: str, given: Mapping[str, str]
    ) -> None:
        self._run, self._experiment, self._given = run, experiment, given
        self._path, self._journal = Path(journal), None
        self._lock = threading.Lock()
        self._checked: set[str] = set()
        self._started, self._patience = False, PATIENCE
        self._log_batch, self._update = store.log_batch, store.update_run_info
        self._get_run, self._get_experiment = store.get_run, store.get_experiment
        self._by_name, self._log_metric = store.get_experiment_by_name, store.log_metric
        self._log_param, self._history = store.log_param, store.get_metric_history
        self._create_model = getattr(store, "create_logged_model", None)  # since MLflow 3
        for name in (
            *("log_metric", "log_batch", "log_param", "update_run_info", "get_run"),
            *("get_metric_history", "get_experiment", "get_experiment_by_name"),
            *(("create_logged_model",) if self._create_model else ()),
        ):
            setattr(store, name, getattr(self, name))

    _journal: Journal | None

    def log_metric(self, run_id: str, metric: Any) -> Any:
        """Append it to the journal."""
        if run_id != self._run or not _is_plain(metric):
            return self._log_metric(run_id, metric)
        return self._append([metric])

    def log_batch(
        self, run_id: str, metrics: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]
    ) -> Any:
        """Append its metrics to the journal; parameters and tags are written at once."""
        if run_id != self._run:
            return self._log_batch(run_id, metrics, params, tags)
        plain: list[Any] = []
        others: list[Any] = []
        for one in metrics:
            (plain if _is_plain(one) else others).append(one)
        new = [one for one in params if not self._is_given(one)]
        if others or new or tags:
            self._log_batch(run_id, others, new, tags)
        self._append(plain)
        return None

    def log_param(self, run_id: str, param: Any) -> Any:
        """Write it, unless the command was given it: as `1`, perhaps, and it logs `1.0`."""
        if run_id != self._run or not self._is_given(param):
            return self._log_param(run_id, param)
        return None

    def update_run_info(self, run_id: str, run_status: Any, end_time: Any, run_name: Any) -> Any:
        """Open the run, or end it if it failed; its name stays, and otherwise it stays open."""
        if run_id != self._run:
            return self._update(run_id, run_status, end_time, run_name)
        self._started = True
        if _status(run_status) in _ENDED_BADLY:
            return self._update(run_id, run_status, end_time, None)
        return self._get_run(run_id).info

    def get_run(self, run_id: str) -> Any:
        """The run, once its metrics have arrived."""
        self._wait_for(run_id)
        return self._get_run(run_id)

    def get_metric_history(self, run_id: str, *further: Any, **named: Any) -> Any:
        """The values of a metric, once they have arrived."""
        self._wait_for(run_id)
        return self._history(run_id, *further, **named)

    def get_experiment(self, experiment_id: str) -> Any:
        """An experiment; before the run has begun, the run's."""
        return self._get_experiment(experiment_id if self._started else self._experiment)

    def get_experiment_by_name(self, experiment_name: str) -> Any:
        """An experiment; before the run has begun, the run's."""
        if self._started:
            return self._by_name(experiment_name)
        return self._get_experiment(self._experiment)

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[Any] | None = None,
        **named: Any,
    ) -> Any:
        """A new model; without a run of its own, it is this run's."""
        from mlflow.entities import LoggedModelTag

        assert self._create_model is not None
        mark = LoggedModelTag(LOGGED_BY, self._run)
        source = source_run_id or self._run
        return self._create_model(experiment_id, name, source, [*(tags or ()), mark], **named)

    def _append(self, metrics: Sequence[Any]) -> None:
        steps: dict[tuple[int, int], dict[str, float]] = {}
        repeated = []
        for one in metrics:
            self._check(one)
            at = int(one.step), int(one.timestamp)
            values = steps.setdefault(at, {})
            if one.key in values:
                repeated.append(encode_step(*at, {one.key: one.value}))
            else:
                values[one.key] = one.value
        if steps:
            payloads = [encode_step(*at, values) for at, values in steps.items()]
            self._opened().append_many([*payloads, *repeated])

    def _check(self, metric: Any) -> None:
        """Refuse what MLflow refuses: it must not wait in the journal for ever."""
        if metric.key in self._checked and type(metric.value) is float and metric.timestamp >= 0:
            return
        getattr(import_module("mlflow.utils.validation"), _VALIDATE)(
            metric.key, metric.value, metric.timestamp, metric.step
        )
        self._checked.add(metric.key)

    def _opened(self) -> Journal:
        with self._lock:
            if self._journal is None:
                self._journal = Journal(self._path)
            return self._journal

    def _is_given(self, param: Any) -> bool:
        """Whether the run has it already; another value is refused, as MLflow does, but briefly."""
        given = self._given.get(param.key)
        if given is None or _same(given, str(param.value)):
            return given is not None
        from mlflow.exceptions import MlflowException

        raise MlflowException.invalid_parameter_value(
            f"parameter '{param.key}' is {given} in this run, and the command logs {param.value}: "
            f"use the value that it is given, or log its own under another name"
        )

    def _wait_for(self, run_id: str) -> None:
        """Wait until what this process logged has been delivered; if nobody does, only once."""
        if run_id != self._run or self._journal is None:
            return
        deadline = time.monotonic() + self._patience
        while next(waiting(self._path), None) is not None:
            if time.monotonic() > deadline:
                self._patience = 0.0
                return
            time.sleep(_LOOK)


def _is_plain(metric: Any) -> bool:
    """Whether a metric belongs to the run alone, not to a model or a dataset too."""
    return (
        getattr(metric, "model_id", None) is None and getattr(metric, "dataset_name", None) is None
    )


def _status(status: Any) -> str:
    from mlflow.entities import RunStatus

    return str(RunStatus.to_string(status)) if isinstance(status, int) else str(status)


def _same(given: str, logged: str) -> bool:
    try:
        return given == logged or float(given) == float(logged)
    except ValueError:
        return given.lower() == logged.lower() in ("true", "false")
