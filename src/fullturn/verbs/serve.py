"""Serve the champion over HTTP: follow the registry, log predictions, trace answers."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace

from fullturn.core.credentials import secret
from fullturn.core.entities import Input, Prediction
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.core.tags import CHAMPION_ALIAS, TraceTags
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.serving import running
from fullturn.serving.deployment import DesiredState, LoadedVersion, desired_state
from fullturn.serving.log import VIOLATION
from fullturn.serving.routes import Served
from fullturn.serving.service import Plan, service
from fullturn.store import Store
from fullturn.tracking import otlp
from fullturn.tracking.otlp import CollectorSpool
from fullturn.tracking.traces import TraceSpool, traced
from fullturn.verbs.parts.loading import load_recorded
from fullturn.verbs.parts.running_server import announced
from fullturn.verbs.workspace import Workspace

TRACES, COLLECTED = "serving-traces", "serving-otlp"
"""Journals of traces on their way to MLflow, and to an OpenTelemetry collector."""
UNGENERATED_PER_SECOND = 5.0
"""Maximum rate of traces of answers that called no LLM: MLflow takes about 100 a second, and the
prediction log has all answers. Answers of an LLM are all traced."""
_log = logging.getLogger("fullturn.serving")


@dataclass(frozen=True, slots=True)
class Opened:
    """A server that is ready for requests."""

    model: str
    version: int
    address: str
    example: Input
    """An example row."""
    chats: bool
    asks_token: bool


def serve(
    project: Workspace,
    host: str | None = None,
    port: int | None = None,
    ready: Callable[[Opened], None] = lambda opened: None,
    *,
    follow_alias: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer open requests and stop.

    `host` and `port` default to those of fullturn.toml; port 0 picks a free one. `ready` is called
    once the server listens. With `follow_alias`, the version that the alias `champion` points at is
    served, also if somebody set it in MLflow. Call this in the main thread.

    Raises:
        NotFound: there is no champion.
        Conflict: another server of this project is running.
        CouldNotEvaluate: the port is in use, or the champion does not load.
    """
    served_project = _served(project, follow_alias=follow_alias)
    with _listening(project, host, port) as listener, served_project as served:
        opened = _opened(project, served, running.address_of(listener))
        with announced(project.state, opened.address, opened.version):
            ready(opened)
            running.run(served, listener)


def server(
    project: Workspace, host: str | None = None, port: int | None = None
) -> AbstractContextManager[str]:
    """The same server as `serve`, in a thread of this process, as a context manager.

    Gives its address, such as http://127.0.0.1:8321; port 0 picks a free one.

    Raises:
        NotFound: there is no champion.
        Conflict: another server of this project is running.
        CouldNotEvaluate: the port is in use, or the champion does not load.
    """
    return _in_thread(project, host, port)


@contextmanager
def _in_thread(project: Workspace, host: str | None, port: int | None) -> Iterator[str]:
    with (
        _listening(project, host, port) as listener,
        _served(project) as served,
        running.run_in_thread(served, listener),
    ):
        address = running.address_of(listener)
        with announced(project.state, address, served.follower.current.champion.version):
            yield address


@contextmanager
def serve_subprocess(project: Workspace) -> Iterator[Callable[[], str]]:
    """`fullturn serve` on a free port, in a subprocess, as a context manager.

    Gives a function that waits for the server and returns its address.
    """
    words = ["-m", "fullturn", "-C", str(project.root), "serve", "--port", "0", "--json"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout

    def address() -> str:
        line = lines.readline()
        if not line or "address" not in json.loads(line):
            raise CouldNotEvaluate(f"`fullturn serve` did not start: {line.strip()}")
        return str(json.loads(line)["address"])

    try:
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _opened(project: Workspace, served: Served, address: str) -> Opened:
    version = served.follower.current.champion.version
    _, record = versions.files(project.store, versions.version(project.store, str(version)))
    probes = record.get("probe") or [{"input": {}}]
    example, chats = probes[0]["input"], served.text_of is not None
    return Opened(served.name, version, address, example, chats, served.token is not None)


def _listening(
    project: Workspace, host: str | None, port: int | None
) -> AbstractContextManager[socket.socket]:
    settings = project.settings.serving
    return running.listening(host or settings.host, settings.port if port is None else port)


@contextmanager
def _served(project: Workspace, *, follow_alias: bool = False) -> Iterator[Served]:
    subject, store, settings = project.subject, project.store, project.settings.serving
    store.patience = 0.0  # it asks again anyway, and says meanwhile what it is missing
    promotion.sync_alias(store)

    deleted: set[tuple[str, str]] = set()

    def look() -> DesiredState:
        return _followed(store, deleted, follow_alias=follow_alias or settings.follow_alias)

    def load(number: int) -> LoadedVersion:
        version = versions.version(store, str(number))
        predictor, record = load_recorded(project, version)
        example = next((one["output"] for one in record.get("probe", ())), None)
        return LoadedVersion(number, predictor, version.run_id, example)

    plan = Plan(store.name, subject.contract, settings, look, load, _token(settings.token_env))
    with ExitStack() as stack:
        spools: list[TraceSpool | CollectorSpool] = []
        if subject.can("generated text"):
            spool = TraceSpool(store, project.state / TRACES, patient=True)
            spools.append(stack.enter_context(spool))
            plan = replace(plan, text_of=subject.text_of)
        if target := _collector(store.name):
            spools.append(stack.enter_context(CollectorSpool(project.state / COLLECTED, target)))
        if spools:
            plan = replace(plan, on_logged=Traces(spools))
        yield stack.enter_context(service(project.state, plan))


def _collector(name: str) -> otlp.Collector | None:
    """Where the environment sends traces; what it asks for and cannot have is logged."""
    try:
        return otlp.collector(os.environ, name)
    except SettingsError as error:
        _log.warning("no traces are exported: %s", error)
        return None


def _followed(store: Store, deleted: set[tuple[str, str]], *, follow_alias: bool) -> DesiredState:
    """What the history asks for; with `follow_alias`, the alias, whoever set it."""
    found, model = histories.read(store, deleted), store.registered(store.name)
    alias = promotion.foreign_alias(found, model)
    if follow_alias:
        return desired_state(model.aliases.get(CHAMPION_ALIAS, found.champion), model)
    if alias is None:
        return desired_state(found.champion, model)
    return desired_state(found.champion, model, promotion.foreign_sentence(alias, found.champion))


def _token(variable: str | None) -> str | None:
    """The API token, from the environment.

    Raises:
        SettingsError: one is asked for, and its variable is not set, or contains an illegal
            character.
    """
    if variable is None:
        return None
    token = secret(variable)
    if token is None:
        raise SettingsError(
            f"serving.token_env names the environment variable {variable}, which is not set; set "
            "it to the API token"
        )
    return token


@dataclass
class Traces:
    """Traces all answers of an LLM, and a few others per second; failures for a collector only."""

    spools: Sequence[TraceSpool | CollectorSpool]
    allowed: float = UNGENERATED_PER_SECOND
    since: float = 0.0

    def __call__(self, slot: LoadedVersion, made: Sequence[Prediction]) -> None:
        now = time.monotonic()
        earned = UNGENERATED_PER_SECOND * (now - self.since)
        self.allowed, self.since = min(UNGENERATED_PER_SECOND, self.allowed + earned), now
        chosen = [one for one in made if _is_of_version(one) and self._wants(one)]
        traces = [
            traced(one.input, one.output or {}, one.latency, _tags(one), slot.run, one.id,
                   error=one.error or "")
            for one in chosen
        ]  # fmt: skip
        answered = [one for one in traces if not one.spans[0].error]
        for spool in self.spools:
            found = traces if isinstance(spool, CollectorSpool) else answered
            if found:
                spool.append_traces(found)

    def _wants(self, one: Prediction) -> bool:
        if (one.output or {}).get("completion_tokens"):
            return True
        if self.allowed < 1:
            return False
        self.allowed -= 1
        return True


def _is_of_version(one: Prediction) -> bool:
    """Whether a version answered or failed: a row that breaks the contract never reached one."""
    return one.output is not None or not (one.error or "").startswith(VIOLATION)


def _tags(one: Prediction) -> dict[str, str]:
    return TraceTags(version=one.version, arm=one.arm, prediction=one.id, key_=one.key).write()
