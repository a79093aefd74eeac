"""A model in a process of its own, asked over pipes.

The process is started by whoever asks first, and again after it died. Code of the model can crash,
hang, exit or eat memory: all of it becomes an AppError of the batch, and nothing is left running.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import IO, Any

from fullturn.core.entities import Input
from fullturn.core.errors import AppError
from fullturn.store import model_process
from fullturn.store.model_process import (
    HEADER,
    Inputs,
    batch_message,
    decoded_answer,
    to_batch,
)
from fullturn.subjects.mlflow_model.environment import pycache

LOAD_SECONDS = 300.0
"""Until a model must be loaded: importing MLflow and its libraries takes most of it."""
DEATHS = 5
"""After so many in a row, without an answer between them, a model is left alone for a while."""
LONGEST_REST = 60.0
"""Seconds that it is left alone, at most."""
_SECRETS = re.compile("TOKEN|SECRET|PASSW|KEY|CREDENTIAL|TRACKING_URI|PROXY", re.IGNORECASE)
_LAST_WORDS = 8
_CHUNK = 1 << 16
_OTHER_PACKAGES = re.compile(r"loading raised (ModuleNotFound|Import|Attribute)Error")
_NO_MEMORY = re.compile("MemoryError|bad_alloc|[Cc]annot allocate memory|Unable to allocate")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model process may use."""

    timeout: float = 60.0
    """Seconds for one batch."""
    memory_mb: int | None = None
    """Memory of its own; None for as much as the machine has."""


class ModelProcess:
    """The process of one model; `name` is what errors call it.

    `python` runs it: by default this one, with the packages that are installed here.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        inputs: Inputs,
        limits: Limits = Limits(),
        python: Path | None = None,
    ) -> None:
        self._name, self._inputs, self._limits = name, inputs, limits
        self._words = _words(folder, inputs, limits, python)
        self._lock = threading.Lock()
        self._process: _Started | None = None
        self._deaths, self._rest_until = 0, 0.0

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        """What the model says of each row, see `LoadedModel.answer`.

        Raises:
            SignatureMismatch: a value does not fit the model's signature.
            AppError: it raised, died, or did not answer in time.
        """
        request = batch_message(to_batch(rows, self._inputs))
        with self._lock:
            found = self._asked(request)
        if "error" in found:
            raise AppError(f"{self._name}: {found['error']}{self._hint(found)}")
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

    def _asked(self, request: bytes) -> dict[str, Any]:
        try:
            found = self._running().ask(request, self._limits.timeout)
        except _Resting:
            raise
        except AppError:
            self._deaths += 1
            if self._deaths >= DEATHS:
                rest = min(LONGEST_REST, 2.0 ** (self._deaths - DEATHS))
                self._rest_until = time.monotonic() + rest
            raise
        self._deaths = 0
        if found.get("full") and self._process is not None:
            self._process.end()
        return found

    def _running(self) -> _Started:
        if self._process is None or not self._process.alive:
            self._await_rest()
            self._process = _Started(self._name, self._words, self._limits)
            found = self._process.receive(LOAD_SECONDS, "loading")
            if "error" in found:
                self._process.end()
                raise AppError(f"{self._name}: {found['error']}{self._hint(found)}")
        return self._process

    def _await_rest(self) -> None:
        """Refuse at once while the model is left alone: starting it takes seconds."""
        left = self._rest_until - time.monotonic()
        if left > 0:
            raise _Resting(
                f"{self._name}: its process ended {self._deaths} times in a row; it is started "
                f"again in {left:.0f} s"
            )

    def _hint(self, found: Mapping[str, Any]) -> str:
        said = str(found["error"])
        if _OTHER_PACKAGES.match(said) and self._words[0] == sys.executable:
            return (
                "; if it needs other packages than are installed here, [model] env = 'isolated' "
                "(`--env isolated`) gives each version those that it declares"
            )
        return _memory_hint(self._limits) if found.get("full") or _NO_MEMORY.search(said) else ""


def affordable_mb() -> int:
    """Memory that a model may have by default: three quarters of the machine's."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return pages * size * 3 // 4 >> 20


class _Resting(AppError):
    """A model that is left alone for a while."""


def _words(
    folder: Path, inputs: Inputs, limits: Limits, python: Path | None
) -> Sequence[str | Path]:
    spec = json.dumps({**asdict(inputs), "memory_mb": limits.memory_mb})
    script = Path(model_process.__file__)
    if not script.is_file():  # fullturn is imported from an archive, beside a bundle
        script = _written_script()
    elif python is None:  # modules beside the project are found, as in its own process
        return [sys.executable, "-m", model_process.__name__, folder, spec]
    if python is None:
        return [sys.executable, "-I", "-B", script, folder, spec]
    return [python, "-I", "-X", pycache(python), script, folder, spec]


@lru_cache(maxsize=1)
def _written_script() -> Path:
    """The inside of the process as a file, which is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="fullturn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = resources.files("fullturn.store") / "model_process.py"
    script = folder / "model_process.py"
    script.write_bytes(source.read_bytes())
    return script


def _memory_hint(limits: Limits) -> str:
    if limits.memory_mb is None:
        return ""
    return f"; its limit is {limits.memory_mb} MB: raise [model] memory_mb if it needs more"


class _Started:
    """A running process; it is ended when nobody refers to it any more, at the latest."""

    def __init__(self, name: str, words: Sequence[str | Path], limits: Limits) -> None:
        self._name, self._limits = name, limits
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            bufsize=0,
        )
        self._process, self.pid = process, process.pid
        self._said: deque[str] = deque(maxlen=_LAST_WORDS)
        assert process.stdin and process.stdout and process.stderr
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._in, select.POLLOUT)
        self._readable.register(self._out, select.POLLIN)
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
        self._listener = threading.Thread(
            target=_listen, args=(process.stderr, self._said), daemon=True
        )
        self._listener.start()
        self.end = weakref.finalize(self, _end, process)

    @property
    def alive(self) -> bool:
        return self.end.alive and self._process.poll() is None

    def ask(self, message: bytes, seconds: float) -> dict[str, Any]:
        """Send a message, and receive its answer."""
        deadline = time.monotonic() + seconds
        data = memoryview(message)
        try:
            while data:
                try:
                    data = data[os.write(self._in, data[:_CHUNK]) :]
                except BlockingIOError:
                    self._wait(self._writable, deadline, seconds, "predict()")
        except BrokenPipeError:
            raise self._died("predict()") from None
        return self.receive(seconds, "predict()")

    def receive(self, seconds: float, what: str) -> dict[str, Any]:
        """The next message, within so many seconds."""
        deadline = time.monotonic() + seconds
        found, size = bytearray(), HEADER.size
        while len(found) < size:
            self._wait(self._readable, deadline, seconds, what)
            part = os.read(self._out, _CHUNK)
            if not part:
                raise self._died(what)
            found += part
            if len(found) >= HEADER.size:
                size = HEADER.size + HEADER.unpack_from(found)[0]
        return decoded_answer(found[HEADER.size - 1], bytes(found[HEADER.size :]))

    def _wait(self, poll: select.poll, deadline: float, seconds: float, what: str) -> None:
        if poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
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
        hint = _memory_hint(self._limits) if _NO_MEMORY.search(last) else ""
        return AppError(f"{self._name}: its process ended {how} during {what}{last}{hint}")


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
