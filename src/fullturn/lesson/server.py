"""Serve the deck locally: one page, reveal.js, and the routes of the panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fullturn.core.errors import FullturnError
from fullturn.lesson.deck import PAGE, Deck
from fullturn.lesson.publishing import reveal

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
HEADERS = {
    "content-security-policy": "default-src 'self' 'unsafe-inline' data: blob:",
    "cache-control": "no-cache",
}
"""The page may not load anything from other sites."""


def application(deck: Deck, panels: Sequence[BaseRoute] = ()) -> Starlette:
    """The deck, its files and the routes of the panels; local clients only."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(
        routes=[
            Route("/", _page(deck)),
            Mount("/reveal", StaticFiles(directory=reveal())),
            Mount("/deck", StaticFiles(directory=PAGE)),
            *panels,
        ],
        middleware=[hosts, Middleware(_SameOrigin)],
    )


class _SameOrigin:
    """Refuses requests from web pages of other origins: panels start processes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        from starlette.responses import PlainTextResponse

        from fullturn.serving.access import is_same_origin

        headers = dict(scope.get("headers", ()))
        origin, host = headers.get(b"origin"), headers.get(b"host", b"")
        if origin is None or is_same_origin(origin, host):
            await self._app(scope, receive, send)
        else:
            refused = PlainTextResponse("requests from pages of other origins are refused\n", 403)
            await refused(scope, receive, send)


def _page(deck: Deck) -> Callable[[Request], Response]:
    """Renders the page for every request, so that edited slides show after a reload."""
    from starlette.responses import HTMLResponse, PlainTextResponse

    def answer(request: Request) -> Response:
        try:
            return HTMLResponse(deck.page(), headers=HEADERS)
        except FullturnError as error:
            return PlainTextResponse(f"error: {error}\n", 500)

    return answer


def serve(app: Starlette, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `ready` is called with the address once the server listens.

    Raises:
        UsageError: the port is not available.
    """
    import socket

    import uvicorn

    from fullturn.core.errors import UsageError

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # early connections wait instead of being refused
        except OSError as error:
            raise UsageError(
                f"port {port} is not available ({error.strerror}); choose another"
            ) from error
        ready(f"http://{HOST}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        with suppress(KeyboardInterrupt):  # Ctrl-C stops the server
            uvicorn.Server(config).run(sockets=[listening])
