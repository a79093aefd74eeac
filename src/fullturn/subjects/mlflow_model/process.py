"""A model in a process of its own, asked over pipes.

The process is started by whoever asks first, and again after it died. Code of the model can crash,
hang or exit: all of it becomes an AppError here, and nothing is left running.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from fullturn.core.entities import Input
from fullturn.core.errors import AppError
from fullturn.store.model_process import HEADER, encoded

MODULE = "fullturn.store.model_process"
LOAD_SECONDS = 300.0
"""Until a model must be loaded: importing MLflow and its libraries takes most of it."""
_SECRETS = re.compile("TOKEN|SECRET|PASSW|KEY|CREDENTIAL|TRACKING_URI|PROXY", re.IGNORECASE)
_LAST_WORDS = 8
_CHUNK = 1 << 16


class ModelProcess:
    """The process of one model; `name` is what errors call it, `timeout` is for one batch."""

    def __init__(self, name: str, folder: Path, kinds: Mapping[str, str], timeout: float) -> None:
        self._name, self._timeout = name, timeout
        self._words = [str(folder), json.dumps(dict(kinds))]
        self._lock = threading.Lock()
        self._process: _Started | None = None

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        """What the model says of each row, see `LoadedModel.answer`.

        Raises:
            AppError: it raised, died, or did not answer in time.
        """
        with self._lock:
            found = self._running().ask({"rows": [dict(row) for row in rows]}, self._timeout)
        if "error" in found:
            raise AppError(f"{self._name}: {found['error']}")
        return found

    def start(self) -> None:
        """Load the model now.

        Raises:
            AppError: it cannot be loaded.
        """
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.end()
                self._process = None

    @property
    def pid(self) -> int | None:
        """Of the process, if it was started."""
        return self._process.pid if self._process else None

    def _running(self) -> _Started:
        if self._process is None or not self._process.alive:
            self._process = _Started(self._name, self._words)
            found = self._process.receive(LOAD_SECONDS, "loading")
            if "error" in found:
                self._process.end()
                raise AppError(f"{self._name}: {found['error']}")
        return self._process


class _Started:
    """A running process; it is ended when nobody refers to it any more, at the latest."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        self._name = name
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            bufsize=0,
        )
        self._process, self.pid = process, process.pid
        self._said: deque[str] = deque(maxlen=_LAST_WORDS)
        assert process.stdin and process.stdout and process.stderr
        self._in, self._out = process.stdin, process.stdout
        for pipe in (self._in, self._out):
            os.set_blocking(pipe.fileno(), False)
        self._listener = threading.Thread(
            target=_listen, args=(process.stderr, self._said), daemon=True
        )
        self._listener.start()
        self.end = weakref.finalize(self, _end, process)

    @property
    def alive(self) -> bool:
        return self.end.alive and self._process.poll() is None

    def ask(self, message: Any, seconds: float) -> dict[str, Any]:
        """Send a message, and receive its answer."""
        deadline = time.monotonic() + seconds
        data = memoryview(encoded(message))
        try:
            while data:
                self._wait(self._in, selectors.EVENT_WRITE, deadline, seconds, "predict()")
                data = data[os.write(self._in.fileno(), data[:_CHUNK]) :]
        except BrokenPipeError:
            raise self._died("predict()") from None
        return self.receive(seconds, "predict()")

    def receive(self, seconds: float, what: str) -> dict[str, Any]:
        """The next message, within so many seconds."""
        deadline = time.monotonic() + seconds
        (length,) = HEADER.unpack(self._read(HEADER.size, deadline, seconds, what))
        message: dict[str, Any] = json.loads(self._read(length, deadline, seconds, what))
        return message

    def _read(self, size: int, deadline: float, seconds: float, what: str) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait(self._out, selectors.EVENT_READ, deadline, seconds, what)
            part = os.read(self._out.fileno(), min(_CHUNK, size - len(parts)))
            if not part:
                raise self._died(what)
            parts += part
        return bytes(parts)

    def _wait(
        self, pipe: IO[bytes], event: int, deadline: float, seconds: float, what: str
    ) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if selector.select(max(0.0, deadline - time.monotonic())):
                return
        self.end()
        raise AppError(
            f"{self._name}: {what} did not end within {seconds:g} s, its process was stopped; "
            "raise [model] timeout if it needs longer"
        )

    def _died(self, what: str) -> AppError:
        try:
            code: int | None = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self._listener.join(timeout=2)
        self.end()
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        last = f"; its last words: {' / '.join(self._said)[-400:]}" if self._said else ""
        return AppError(f"{self._name}: its process ended {how} during {what}{last}")


def _environment() -> dict[str, str]:
    """What the process may know: all but what looks like a secret."""
    allowed = {name: value for name, value in os.environ.items() if not _SECRETS.search(name)}
    return {
        **allowed,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _listen(pipe: IO[bytes], said: deque[str]) -> None:
    """Take what the process prints, so that it never waits for a reader."""
    with pipe:
        for line in pipe:
            text = line.decode(errors="replace").strip()
            if text:
                said.append(text[:200])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and wait for it; its pipes are closed."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
