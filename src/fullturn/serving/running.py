"""The socket and the loop under the HTTP surface: uvicorn, in this thread or beside it."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from fullturn.core.errors import CouldNotEvaluate, FullturnError, UsageError
from fullturn.serving.http import Application
from fullturn.serving.protocol import BoundedProtocol
from fullturn.serving.routes import Served

CONNECTIONS = 4096
"""So many at a time."""
GRACE = 10
"""Seconds that requests in flight get when the server stops."""
KEEP_ALIVE = 60
"""Seconds that an idle connection is kept; clients that reuse one later find it closed."""
STOPPING = (signal.SIGTERM, signal.SIGINT)


def run(served: Served, listener: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT, then answer what is in flight; for the main thread."""
    with _deaf():
        _server(served).run(sockets=[listener])


@contextmanager
def beside(served: Served, listener: socket.socket) -> Iterator[None]:
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
        UsageError: the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise _not_listening(host, port, error) from None
    with listener:
        yield listener


def address_of(listener: socket.socket) -> str:
    """Where to send requests."""
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


def _server(served: Served) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            Application(served), loop="uvloop", http=BoundedProtocol, ws="none", lifespan="on",
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
def _deaf() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more, before anything was closed."""
    before = {number: signal.signal(number, lambda *_: None) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
