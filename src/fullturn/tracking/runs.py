"""A tracked run: metrics through the journal, and a final status that is true."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from fullturn.core.entities import Params, RunRecord, RunStatus
from fullturn.core.errors import AccessDenied, StoreUnavailable
from fullturn.core.journal import Drain, Journal
from fullturn.core.records import Point
from fullturn.core.steps import decode_step, encode_step
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.core.wording import MEANINGS, figure
from fullturn.store import Store
from fullturn.tracking import provenance
from fullturn.tracking.traces import TRACES, TraceSink

JOURNALS = "journals"
_IN_ITS_UNIT = ("mae", "rmse", "quantile_loss")
VALIDATED = "validation."
"""What the names of metrics on the validation rows begin with."""
ENDED = ".ended"
"""Ends the name of the file for how a run ended while the tracking server was away."""
DRAIN_SECONDS = 20
"""How long the end of a run waits for its metrics to reach the tracking server."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is known about a run before it starts."""

    kind: str
    name: str
    params: Params = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    owner: str | None = None


class TrackedRun:
    """A run in MLflow, open for the length of a `with` block.

    It ends FINISHED, FAILED (an exception) or KILLED (SIGTERM, SIGINT). If the process
    dies without notice, `reap` ends it later.
    """

    def __init__(self, store: Store, root: Path, state: Path, plan: RunPlan) -> None:
        self.store = store
        self.plan = plan
        self._root, self._state = root, state
        self._restore: object = None

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.plan.seed

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for another process, whose plain `mlflow` calls then log to this run."""
        from fullturn.store import journaling

        store = self.store
        return journaling.environment(
            store.uri, store.experiment_id, self.id, self.plan.params, self._path, self._plugin
        )

    @property
    def _plugin(self) -> Path:
        """A folder for what MLflow finds in such a process."""
        return self._state / "runs" / self.id / "plugin"

    @property
    def directory(self) -> Path:
        """An empty folder of this run, for the bundle."""
        folder = self._state / "runs" / self.id / "files"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def __enter__(self) -> Self:
        tags = {**recorded(self._root, self.plan), **_process(), **self.plan.tags}
        self.id = self.store.start_run(self.plan.kind, self.plan.name, self.plan.params, tags)
        self._path = journal_path(self._state, self.id)
        self._journal = Journal(self._path)
        self._drain = Drain(self._path, Sink(self.store, self.id))
        self._drain.start()
        self._restore = _on_sigterm()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._restore is not None:
            signal.signal(signal.SIGTERM, self._restore)  # type: ignore[arg-type]
        shutil.rmtree(self._plugin, ignore_errors=True)
        self._journal.close()
        left = self._drain.close(timeout=DRAIN_SECONDS)
        said = "" if error is None else f"{type(error).__name__}: {error}"
        try:
            _end(self.store, self.id, _status(error), said)
        except StoreUnavailable as unavailable:
            with contextlib.suppress(OSError):  # a full disk: then the reaper says KILLED
                _ended(self._path).write_text(json.dumps([_status(error), said]), encoding="utf-8")
            raise StoreUnavailable(
                f"{unavailable}. Run {self.id[:8]} is still open there, and {left} records wait in "
                f"{self._path}: once the server is back, `fullturn runs` sends them and ends it."
            ) from (error or unavailable)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record metrics of one step: one append to a local file, shipped in the background."""
        self._journal.append(encode_step(step, time.time_ns() // 1_000_000, metrics))

    def prompt(self, name: str, template: str) -> str:
        """Register a prompt version; returns its URI."""
        uri = self.store.prompt(self.id, name, template)
        self.store.tag_run(self.id, OriginTags(prompts={name: uri}).write())
        return uri


def reap(store: Store, state: Path) -> list[RunRecord]:
    """Send what runs left in their journals, and mark those of dead processes KILLED.

    A run that ended while the server was away gets the status that it ended with. A login that may
    only read leaves all of it to others.
    """
    with contextlib.suppress(AccessDenied):
        return _reap(store, state)
    return []


def _reap(store: Store, state: Path) -> list[RunRecord]:
    for path in sorted((state / JOURNALS).glob("*.journal")):
        run = store.run(path.name.removesuffix(".journal").removesuffix(TRACES))
        if run.status != "RUNNING" or _gone(run) or _ended(path).exists():
            _replay(store, path, run.id)
    for path in (state / JOURNALS).glob(f"*{ENDED}"):
        with contextlib.suppress(FileNotFoundError):  # another process was first
            _end(store, path.name.removesuffix(ENDED), *json.loads(path.read_bytes()))
            path.unlink()
    ended = [run for run in store.runs(status="RUNNING") if _gone(run)]
    for run in ended:
        ended_by = OriginTags(error="the process is gone; ended by the reaper")
        store.tag_run(run.id, ended_by.write())
        store.end_run(run.id, "KILLED")
    return ended


def _end(store: Store, run_id: str, status: RunStatus, error: str) -> None:
    if error:
        store.tag_run(run_id, OriginTags(error=error).write())
    store.end_run(run_id, status)


def _ended(journal: Path) -> Path:
    """The file for how the run of a journal ended."""
    return journal.with_suffix(ENDED)


def _replay(store: Store, path: Path, run_id: str) -> None:
    sink = TraceSink(store) if path.stem.endswith(TRACES) else Sink(store, run_id)
    Journal(path).close()  # cuts off what a killed writer or a power loss left
    drain = Drain(path, sink)
    drain.replay()
    drain.close()


def journal_path(state: Path, run_id: str, of: str = "") -> Path:
    """Where the metrics of a run wait for MLflow; with `of` TRACES, its traces."""
    folder = state / JOURNALS
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{run_id}{of}.journal"


@dataclass(frozen=True, slots=True)
class Sink:
    """The receiving end of a run's drain."""

    store: Store
    run_id: str

    def __call__(self, payloads: Sequence[bytes]) -> None:
        """Write these steps."""
        points = [
            Point(key, value, timestamp, step)
            for step, timestamp, metrics in map(decode_step, payloads)
            for key, value in metrics.items()
        ]
        self.store.log_points(self.run_id, points)


def recorded(root: Path, plan: RunPlan) -> dict[str, str]:
    """Tags that say who started a run, from which code, in which environment."""
    code = provenance.code(root)
    digest, _ = provenance.environment()
    owner = provenance.owner(root, plan.owner)
    tags = {
        "mlflow.user": owner,
        "mlflow.source.name": f"fullturn {plan.kind}",
        "mlflow.source.type": "LOCAL",
    }
    if code.commit:
        tags["mlflow.source.git.commit"] = code.commit
    origin = OriginTags(
        commit=code.commit,
        dirty=code.dirty,
        diff=code.diff_digest,
        environment=digest,
        seed=plan.seed,
        owner=owner,
    )
    return {**tags, **origin.write()}


def _process() -> dict[str, str]:
    """Tags by which the reaper knows the process; a run without them is ended by its owner."""
    return OriginTags(**provenance.process()).write()


def _status(error: BaseException | None) -> RunStatus:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"


def _gone(run: RunRecord) -> bool:
    theirs = OriginTags.read(run.tags)
    if theirs.host != provenance.process()["host"]:
        return False
    return provenance.process_start(theirs.pid or 0) != theirs.pid_started


def _on_sigterm() -> object:
    if threading.current_thread() is not threading.main_thread():
        return None

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(f"signal {number}")

    return signal.signal(signal.SIGTERM, stop)


def headline(run: RunRecord) -> str:
    """`accuracy 0.913`, or in its unit `rmse 12.4`; empty if the run recorded none. Before a score
    that few people know comes the accuracy."""
    tags = TrainingTags.read(run.tags)
    known = run.metrics.get(f"{VALIDATED}accuracy")
    before = f"accuracy {known:.3f}, " if tags.primary in MEANINGS and known is not None else ""
    for name in (tags.chosen_by, tags.primary):
        value = run.metrics.get(f"{VALIDATED}{name}")
        if value is not None:
            if name == tags.primary:
                return f"{before}{name} {value:.3f}"
            in_unit = tags.unit and str(name).startswith(_IN_ITS_UNIT)
            return f"{name} {figure(value)}{f' {tags.unit}' if in_unit else ''}"
    return ""
