"""The embedded LLM: SmolLM2-135M-Instruct, run by llama.cpp's own server inside this process.

For its file see `llm.weights`: importing the package that has it would need a compiler.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fullturn.core import extras
from fullturn.core.errors import LLMUnavailable
from fullturn.llm import weights

_INSTALL = "fullturn llm install"
CONTEXT_TOKENS = 2048
"""Prompt and answer together; more costs memory that the embedded model does not repay."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible address. `base_url` ends before `/chat/completions`."""

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)


def weights_file() -> Path:
    """The file of weights, wherever it is installed.

    Raises:
        LLMUnavailable: it is not installed; the message names the command that gets it.
    """
    path = weights.found()
    if path is not None:
        return path
    raise LLMUnavailable(
        f"the embedded LLM's file {weights.FILE} is not installed; get it with `{_INSTALL}`, "
        "or name another LLM with base_url in [llm]"
    )


def weights_digest() -> str:
    """sha256 of the file of weights; read again only when its size or time changes."""
    path = weights_file()
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _digest(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


class _Embedded:
    """The one server of this process: 100 MB of weights are not worth having twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Any = None
        self._endpoint: Endpoint | None = None

    def endpoint(self) -> Endpoint:
        with self._lock:
            if self._endpoint is None:
                self._endpoint = self._start()
            return self._endpoint

    def stop(self) -> None:
        with self._lock:
            self._server = self._endpoint = None

    def _start(self) -> Endpoint:
        # Read when the OpenMP library is loaded. Threads that wait would otherwise spin for long,
        # and on a machine that does anything else two of them are slower than one; that never
        # spin, they are slower than one on a quiet machine.
        for name, value in {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}.items():
            os.environ.setdefault(name, value)
        xllamacpp = extras.module("xllamacpp")
        key, path = secrets.token_urlsafe(24), weights_file()
        try:
            self._server = xllamacpp.Server(_parameters(xllamacpp, path, key))
        except RuntimeError as error:
            raise LLMUnavailable(
                f"the embedded LLM did not start from {path} ({error}); the file may be "
                f"damaged: get it again with `{_INSTALL}`"
            ) from error
        # The interpreter must not end while the server's threads run.
        atexit.register(self.stop)
        return Endpoint(f"{self._server.listening_address}/v1", "embedded", key)


def _parameters(xllamacpp: Any, path: Path, key: str) -> Any:
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(path)
    chosen.hostnames, chosen.port, chosen.api_keys = ["127.0.0.1"], 0, [key]
    # One slot and no reuse of earlier prompts: the same question gets the same answer.
    chosen.n_parallel, chosen.cache_prompt, chosen.cache_ram_mib = 1, False, 8
    threads = os.cpu_count() or 1
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = threads
    chosen.n_ctx, chosen.n_gpu_layers, chosen.warmup = CONTEXT_TOKENS, 0, False
    chosen.verbosity, chosen.endpoint_slots, chosen.ui = -1, False, False
    return chosen


_embedded = _Embedded()


def endpoint() -> Endpoint:
    """The address of the embedded LLM; the first call starts it (about a second)."""
    return _embedded.endpoint()


def stop() -> None:
    """Stop the embedded LLM, if it runs; the next `endpoint()` starts it again."""
    _embedded.stop()
