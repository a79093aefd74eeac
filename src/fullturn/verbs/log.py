"""Log predictions that were made elsewhere, and collect what was logged, for monitoring."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from fullturn.core import settings, state
from fullturn.core.errors import Conflict, UsageError
from fullturn.core.journal import Journal, waiting
from fullturn.core.wording import shown
from fullturn.serving.external import (
    JOURNAL,
    LONGEST_ID,
    SLOWEST,
    Collector,
    ExternalEntry,
    VersionAt,
    encode,
    new_id,
)

if TYPE_CHECKING:
    from fullturn.verbs.workspace import Workspace

_journals: dict[str, Journal] = {}
_mutex = threading.Lock()


class LogDetails(TypedDict, total=False):
    """What else may be said of a prediction."""

    key: str
    """The entity that asked, such as a user."""
    version: int
    """Of the registered model; by default the champion at that time."""
    time: datetime
    """When it was answered; by default now."""
    latency: float
    """Seconds from request to answer."""
    error: str
    """Why there is no output."""
    source: str
    """Who gave the label or the score."""


def log(
    input: Mapping[str, Any] | None = None,  # noqa: A002  as in every other record
    output: Mapping[str, Any] | None = None,
    *,
    id: str | None = None,  # noqa: A002
    expected: Mapping[str, Any] | None = None,
    score: float | None = None,
    folder: str | Path = ".",
    **details: Unpack[LogDetails],
) -> str:
    """Log a prediction that another system made, so that `fullturn monitor` reads it.

    Any number of processes and threads may log at once; what was logged survives SIGKILL. It is
    appended to a journal in the local state of the project in `folder` or above it. A running
    server or the next `fullturn monitor` moves it into the prediction log, each `id` once, in the
    contract's spelling: 'no' and False are one value of a boolean. `expected` is the
    right answer, a value by label column, `score` how good the answer was, from 0 to 1. Without an
    `input`, they are said of the earlier prediction `id`. `details` are `key`, `version`, `time`,
    `latency`, `error` and `source`. Returns the id.

    Raises:
        UsageError: a value is of another type or range, or is not JSON.
        NotFound: there is no project in this folder or above it.
        DiskFull: there is no space; nothing was logged.
    """
    if input is None and (id is None or (expected is None and score is None)):
        raise UsageError("log an input with its output; or an id with its expected or score")
    given: dict[str, Any] = {"input": input, "output": output, "expected": expected}
    for name, value in given.items():
        if value is not None and not isinstance(value, Mapping):
            example = "{'label': 'spam'}"
            raise UsageError(f"{name} = {shown(value)}; pass a mapping, such as {example}")
    if score is not None and not (_is_number(score) and 0 <= score <= 1):
        raise UsageError(f"score = {shown(score)}; pass a number from 0, wrong, to 1, right")
    if id is not None and not (isinstance(id, str) and 0 < len(id) <= LONGEST_ID):
        raise UsageError(f"id = {shown(id)}; pass a text of 1 to {LONGEST_ID} characters")
    entry = ExternalEntry(
        id=id or new_id(),
        input=input,
        output=output,
        expected=expected,
        score=score,
        has_own_id=id is not None,
        **_checked(details),
    )
    try:
        record = encode(entry)
    except TypeError as error:
        raise UsageError(f"the prediction is not JSON: {error}; pass plain values") from None
    _journal(folder).append(record)
    return entry.id


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _checked(details: LogDetails) -> dict[str, Any]:
    unknown = details.keys() - LogDetails.__annotations__.keys()
    if unknown:
        known = ", ".join(LogDetails.__annotations__)
        raise UsageError(f"unknown detail '{min(unknown)}'; known: {known}")
    found: dict[str, Any] = dict(details)
    if "time" in details:
        time = details["time"]
        if not isinstance(time, datetime):
            raise UsageError(f"time = {shown(time)}; pass a datetime")
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        found["time"] = round(time.timestamp() * 1000)
    for name, kind in (("key", str), ("version", int), ("error", str), ("source", str)):
        if name in found and not isinstance(found[name], kind):
            raise UsageError(f"{name} = {shown(found[name])}; pass a {kind.__name__}")
    latency = found.get("latency", 0.0)
    if not (_is_number(latency) and 0 <= latency <= SLOWEST):
        raise UsageError(f"latency = {shown(found['latency'])}; pass seconds")
    return found


def _journal(start: str | Path) -> Journal:
    """The journal of a project; its settings are read once per process."""
    place = os.path.abspath(start)  # noqa: PTH100  a cached call of microseconds
    found = _journals.get(place)
    if found is None:
        root = settings.find_root(Path(place))
        local = state.make(settings.state_folder(settings.read(root), root))
        with _mutex:
            found = _journals.setdefault(place, Journal(local / JOURNAL, private=True))
    return found


def collect(project: Workspace) -> int:
    """Move what was logged into the prediction log; returns how many entries that were.

    If a server of this project is running, it does that.
    """
    from fullturn.serving.log import PredictionLog, deliver

    if next(waiting(project.state / JOURNAL), None) is None:
        return 0
    moved = 0
    with suppress(Conflict):
        with PredictionLog(project.state, delivers=False) as writer:
            contract, version_at = project.subject.contract, _version_at(project)
            moved = Collector(project.state, writer, contract, version_at).drain.replay()
        deliver(project.state)
    return moved


def _version_at(project: Workspace) -> VersionAt:
    from fullturn.registry import history as histories

    entries = histories.read(project.store).effective
    times = [datetime.fromisoformat(one.created).timestamp() * 1000 for one in entries]
    versions = [0, *(one.version for one in entries)]
    return lambda time: versions[bisect_right(times, time)]
