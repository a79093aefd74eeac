"""The HTTP surface: from a request to a reply, within limits.

`/predict` and `/invocations` bypass Starlette's router; otherwise all routes share one path.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import Message, Receive, Scope, Send

from fullturn.serving.access import Access
from fullturn.serving.answering import Full
from fullturn.serving.replies import JSON, Refusal, Reply, error_body
from fullturn.serving.routes import Call, Route, Routes, Served

_NO_PATH: Mapping[str, str] = {}
BUFFERED_BYTES = 256 * 2**20
"""Bytes of incomplete bodies, of all requests together, at most."""


class Application:
    """The ASGI application."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._most, self._timeout = served.settings.body_bytes, served.settings.timeout
        self._requests = served.metrics.requests
        self._access = Access(served.settings, served.token)
        self._buffered = 0
        routes = Routes(served)
        self._hot = routes.hot
        rest = [self._route(path, one) for path, one in routes.all.items()]
        self._paths: dict[object, str] = {route.endpoint: route.path for route in rest}
        self._rest = Starlette(
            routes=rest,
            lifespan=self._lifespan,
            exception_handlers={HTTPException: self._no_route},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
        elif scope["method"] == "POST" and path in self._hot:
            reply = await self._reply(self._hot[path], scope, receive)
            self._requests[path, reply.status] += 1
            await _send(reply, send)
        else:
            await self._rest(scope, receive, self._counted(scope, send))

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._served.batcher.start()
        yield

    def _counted(self, scope: Scope, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._paths.get(scope.get("endpoint"), "other")
                self._requests[route, message["status"]] += 1
            await send(message)

        return counting

    def _route(self, path: str, route: Route) -> StarletteRoute:
        async def endpoint(request: Request) -> Response:
            reply = await self._reply(route, request.scope, request.receive)
            kind = reply.kind.decode()
            headers = {name.decode(): value.decode() for name, value in reply.headers}
            if isinstance(reply.body, bytes):
                return Response(reply.body, reply.status, headers, kind)
            return StreamingResponse(reply.body, reply.status, headers, kind)

        return StarletteRoute(path, endpoint, methods=[route.method])

    async def _no_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = ", ".join(sorted(self._paths.values()))
        reason = f"{request.method} {request.url.path[:200]}: {error.detail}; routes: {known}"
        headers = dict(error.headers or {})
        return Response(error_body(reason), error.status_code, headers, JSON.decode())

    async def _reply(self, route: Route, scope: Scope, receive: Receive) -> Reply:
        try:
            has_body = scope["method"] == "POST"
            headers = self._access.check(scope, needs_token=not route.is_public, has_body=has_body)
            if has_body:
                route.takes(headers.get(b"content-type", b""))
            client = scope.get("client")
            body = await self._body(receive)
            path = scope.get("path_params") or _NO_PATH
            return await route.handler(Call(body, client[0] if client else "", headers, path))
        except Exception as error:  # noqa: BLE001  every error gets an answer
            return route.refusal(error)

    async def _body(self, receive: Receive) -> bytes:
        """The body; never more of it is buffered than is allowed."""
        try:
            async with asyncio.timeout(self._timeout):
                part, more = await self._part(receive)
                return await self._whole(part, receive) if more else part
        except TimeoutError:
            reason = f"the body did not arrive within {self._timeout:g} seconds"
            raise Refusal(408, reason) from None

    async def _whole(self, part: bytes, receive: Receive) -> bytes:
        parts, size, more = [part], len(part), True
        self._buffered += size
        try:
            while more:
                part, more = await self._part(receive)
                parts.append(part)
                size += len(part)
                self._buffered += len(part)
                if size > self._most:
                    raise self._too_large()
                if self._buffered > BUFFERED_BYTES:
                    raise Full
            return b"".join(parts)
        finally:
            self._buffered -= size

    async def _part(self, receive: Receive) -> tuple[bytes, bool]:
        """The next part, and whether more follows."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the client disconnected")
        part = message.get("body", b"")
        if len(part) > self._most:
            raise self._too_large()
        return part, message.get("more_body", False)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is larger than {self._most} bytes; send less")


async def _send(reply: Reply, send: Send) -> None:
    assert isinstance(reply.body, bytes)
    length = str(len(reply.body)).encode()
    headers = [(b"content-type", reply.kind), (b"content-length", length), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
