"""Find and query the project's server on this machine.

`fullturn serve` records its address and process in the project's state. While that process is
alive, predictions go to it: its model is loaded already, and loading takes seconds.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fullturn.core.credentials import secret
from fullturn.core.entities import Input, Output
from fullturn.tracking.provenance import process, process_start
from fullturn.verbs.workspace import Workspace

FILE = "server.json"


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer to one row; `latency` in seconds, with the round trip."""

    output: Output
    version: int
    prediction: str
    """Id in the prediction log."""
    latency: float


@contextmanager
def announced(state: Path, address: str, version: int) -> Iterator[None]:
    """Record the address of this process, as a context manager."""
    path, draft = state / FILE, state / f"{FILE}.new"
    note = {"address": address, "version": version, "state": str(state), **process()}
    with contextlib.suppress(OSError):  # a full disk: the server runs, but is not found
        draft.write_text(json.dumps(note), encoding="utf-8")
        draft.replace(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def address(state: Path) -> str | None:
    """Address of the project's server; None if none runs on this machine."""
    try:
        note = json.loads((state / FILE).read_text(encoding="utf-8"))
        here = note["host"] == process()["host"] and bool(note["pid_started"])
        here = here and note["state"] == str(state)  # not a copy of another project's note
        alive = here and process_start(int(note["pid"])) == note["pid_started"]
        return str(note["address"]) if alive else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def ask(project: Workspace, rows: Sequence[Input], version: int) -> list[Reply] | None:
    """The running server's answers; None if it fails, or if another version answers any of them.

    During a canary, or before the server follows a promotion, another version may answer.
    """
    found = address(project.state)
    if found is None:
        return None
    replies = []
    with contextlib.closing(_connection(found, project.settings.serving.timeout)) as connection:
        for row in rows:
            reply = _asked(connection, row, _headers(project.settings.serving.token_env))
            if reply is None or reply.version != version:
                return None
            replies.append(reply)
    return replies


def _connection(found: str, timeout: float) -> Any:
    from http.client import HTTPConnection

    parts = urlsplit(found)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _headers(variable: str | None) -> dict[str, str]:
    token = secret(variable) if variable else None
    kind = {"Content-Type": "application/json"}
    return {**kind, "Authorization": f"Bearer {token}"} if token else kind


def _asked(connection: Any, row: Input, headers: Mapping[str, str]) -> Reply | None:
    from http.client import HTTPException

    start = time.perf_counter()
    try:
        body = json.dumps({"inputs": [row]}, allow_nan=False)
        connection.request("POST", "/predict", body.encode(), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            return None
        found = json.loads(content)
        latency = time.perf_counter() - start
        return Reply(found["outputs"][0], int(found["version"]), found["ids"][0], latency)
    except (OSError, HTTPException, ValueError, TypeError, LookupError):
        return None
