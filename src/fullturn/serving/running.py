"""The socket and the loop under the HTTP surface: uvicorn, with limits on the head of a request.

Without them a client that sends a byte of a header now and then occupies its connection forever,
and one that never ends its headers fills the memory. (The body is limited in `http`.)
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, ClassVar

import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fullturn.core.errors import CouldNotEvaluate, FullturnError, UsageError
from fullturn.serving.http import Application
from fullturn.serving.routes import Served

HEAD_BYTES = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are late, or too long."""

    head_seconds: ClassVar[float] = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_begun, self._head_bytes = self.loop.time(), 0
        self._looking = self.loop.call_later(self.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the data; refuse an endless head."""
        super().data_received(data)
        if self._head_begun != inf:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The headers are larger than {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_begun, self._head_bytes = self.loop.time(), 0

    def on_headers_complete(self) -> Any:
        """Its head is complete."""
        self._head_begun = inf
        return super().on_headers_complete()

    def _look(self) -> None:
        begun = self.loop.time() if self._head_begun == inf else self._head_begun
        left = begun + self.head_seconds - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self._looking = self.loop.call_later(left, self._look)


CONNECTIONS = 4096
"""Open connections, at most."""
GRACE = 10
"""Seconds that requests in flight get when the server stops."""
KEEP_ALIVE = 60
"""Seconds that an idle connection stays open; clients that reuse one later find it closed."""
STOPPING = (signal.SIGTERM, signal.SIGINT)


def run(served: Served, listener: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT, then answer what is in flight; for the main thread."""
    with _ignoring_stop_signals():
        _server(served).run(sockets=[listener])


@contextmanager
def run_in_thread(served: Served, listener: socket.socket) -> Iterator[None]:
    """Answer in a thread of its own, for the length of a `with` block.

    Raises:
        CouldNotEvaluate: it does not start.
    """
    server = _server(served)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="serve", daemon=True
    )
    thread.start()
    try:
        _await_start(server, thread)
        yield
    finally:
        server.should_exit = True
        thread.join(GRACE + 5)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; port 0 takes a free one.

    Raises:
        CouldNotEvaluate: the port is in use, or may not be used.
        UsageError: the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise _not_listening(host, port, error) from None
    with listener:
        yield listener


def address_of(listener: socket.socket) -> str:
    """The URL for requests."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _not_listening(host: str, port: int, error: OSError) -> FullturnError:
    if error.errno == errno.EADDRINUSE:
        return CouldNotEvaluate(
            f"port {port} of {host} is in use; stop what listens there, or serve on another: "
            "fullturn serve --port 0 takes a free one"
        )
    if error.errno == errno.EACCES:
        return CouldNotEvaluate(f"port {port} may not be used; take one above 1023: --port 8321")
    return UsageError(f"cannot listen on {host}:{port} ({error.strerror or error}); check --host")


def _application(served: Served) -> ASGIApp:
    """The routes; pages of the origins that fullturn.toml names may read their answers."""
    origins, application = served.settings.cors_origins, Application(served)
    if not origins:
        return application
    return CORSMiddleware(
        application, allow_origins=origins, allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )  # fmt: skip


def _server(served: Served) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            _application(served), loop="uvloop", http=BoundedProtocol, ws="none", lifespan="on",
            log_config=None, access_log=False, server_header=False, limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE, timeout_keep_alive=KEEP_ALIVE,
        )
    )  # fmt: skip


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    """Wait until requests are taken.

    Raises:
        CouldNotEvaluate: the server stopped before.
    """
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise CouldNotEvaluate("the server did not start; `fullturn serve` says why")
        time.sleep(0.005)


@contextmanager
def _ignoring_stop_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it again, before anything is closed."""
    before = {number: signal.signal(number, lambda *_: None) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
