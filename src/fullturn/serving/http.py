"""The HTTP surface: routes, bounds, and what an error becomes. Never a 500 for a bad body.

`/predict` and `/invocations` take a short way past Starlette's router; all routes share one way
from a request to a reply.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from fullturn.entities import Contract, Output
from fullturn.errors import FullturnError, NotFound, UsageError
from fullturn.serving import chat, feedback, inputs
from fullturn.serving.answering import Full, NotAnswered, Work
from fullturn.serving.batcher import Batcher
from fullturn.serving.feedback import Desk
from fullturn.serving.following import Follower
from fullturn.serving.inputs import Asked, Malformed, Rows
from fullturn.serving.metrics import CONTENT_TYPE, Metrics
from fullturn.serving.openapi import description
from fullturn.settings import ServingSettings

RETRY_AFTER = "1"
"""Seconds after which a client may try again."""
FEEDBACK_WAITING = 64
"""So many requests with feedback are looked up at a time."""
_JSON = b"application/json"
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_log = logging.getLogger("fullturn.serving")


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes answer from."""

    name: str
    contract: Contract
    text_of: Callable[[Output], str] | None
    """An output as a user would read it, for an assistant; None for other apps."""
    settings: ServingSettings
    token: str | None
    batcher: Batcher
    follower: Follower
    desk: Desk
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes | Iterator[bytes]
    kind: bytes = _JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Refusal(Exception):
    """A request that is not answered, for a reason that no other error names."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Handler = Callable[[bytes], Awaitable[Reply]]


class Application:
    """The ASGI application."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._rows = Rows(served.contract)
        self._most, self._timeout = served.settings.body_bytes, served.settings.timeout
        self._requests = served.metrics.requests
        self._feedback_waiting = 0
        self._hot: dict[str, Handler] = {
            "/predict": self._predict,
            "/invocations": self._invocations,
        }
        posts = self._hot | {"/feedback": self._feedback, "/v1/chat/completions": self._chat}
        gets: dict[str, Handler] = {
            "/version": self._version,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
        }
        open_to_all: dict[str, Handler] = {"/healthz": self._healthz, "/readyz": self._readyz}
        routes = [Route(path, self._endpoint(h), methods=["POST"]) for path, h in posts.items()]
        routes += [Route(path, self._endpoint(h), methods=["GET"]) for path, h in gets.items()]
        routes += [
            Route(path, self._endpoint(h, asks_token=False), methods=["GET"])
            for path, h in open_to_all.items()
        ]
        self._paths = {route.path for route in routes}
        self._rest = Starlette(
            routes=routes,
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
            await self._rest(scope, receive, self._counted(path, send))

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._served.batcher.start()
        yield

    def _counted(self, path: str, send: Send) -> Send:
        route = path if path in self._paths else "other"

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests[route, message["status"]] += 1
            await send(message)

        return counting

    def _endpoint(
        self, handler: Handler, *, asks_token: bool = True
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            reply = await self._reply(handler, request.scope, request.receive, asks_token)
            kind = reply.kind.decode()
            headers = {name.decode(): value.decode() for name, value in reply.headers}
            if isinstance(reply.body, bytes):
                return Response(reply.body, reply.status, headers, kind)
            return StreamingResponse(reply.body, reply.status, headers, kind)

        return endpoint

    async def _no_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = ", ".join(sorted(self._paths))
        reason = f"{request.method} {request.url.path[:200]}: {error.detail}; routes: {known}"
        headers = dict(error.headers or {})
        return Response(_told(reason), error.status_code, headers, _JSON.decode())

    # From a request to a reply

    async def _reply(
        self, handler: Handler, scope: Scope, receive: Receive, asks_token: bool = True
    ) -> Reply:
        try:
            if asks_token and self._served.token is not None:
                _require_token(scope, self._served.token)
            return await handler(await self._body(receive))
        except Exception as error:  # noqa: BLE001  every error gets an answer
            return _refusal(error)

    async def _body(self, receive: Receive) -> bytes:
        """The body; not more of it is ever held than is allowed."""
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(self._timeout):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "the client went away")
                    part = message.get("body", b"")
                    parts.append(part)
                    size += len(part)
                    if size > self._most:
                        raise Refusal(413, f"the body is larger than {self._most} bytes; send less")
                    more = message.get("more_body", False)
        except TimeoutError:
            reason = f"the body did not arrive within {self._timeout:g} seconds"
            raise Refusal(408, reason) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _answered(self, asked: Asked) -> Work:
        most = self._served.settings.queue_rows
        if len(asked.rows) > most:
            raise Refusal(413, f"{len(asked.rows)} rows in one request; send at most {most}")
        found = self._rows.checked(asked.rows)
        future = asyncio.get_running_loop().create_future()
        work = Work(found.rows, asked.key, future, found.refused)
        self._served.batcher.submit(work)
        await future
        if work.failure is not None:
            raise Failed(work)
        return work

    # The routes

    async def _predict(self, body: bytes) -> Reply:
        work = await self._answered(inputs.of_predict(body))
        return _json({"outputs": [one.output for one in work.predictions], **_about(work)})

    async def _invocations(self, body: bytes) -> Reply:
        work = await self._answered(inputs.of_invocations(body))
        return _json({"predictions": [one.output for one in work.predictions], **_about(work)})

    async def _chat(self, body: bytes) -> Reply:
        served = self._served
        if served.text_of is None or served.contract.text is None:
            raise Refusal(404, f"'{served.name}' is no assistant; ask it at /predict")
        asked = chat.of_body(body)
        work = await self._answered(Asked([{served.contract.text: asked.question}], asked.key))
        one = work.predictions[0]
        text, model = served.text_of(one.output or {}), served.name
        if asked.stream:
            return Reply(200, chat.events(one, text, model), b"text/event-stream")
        return _json(chat.completion(one, text, model))

    async def _feedback(self, body: bytes) -> Reply:
        said = feedback.of_body(body, self._served.contract)
        if self._feedback_waiting >= FEEDBACK_WAITING:
            raise Full
        self._feedback_waiting += 1
        try:
            replaced = await asyncio.to_thread(self._served.desk.keep, said)
        finally:
            self._feedback_waiting -= 1
        self._served.metrics.feedback += len(said)
        kept = [
            {"id": one.prediction, "replaced": before}
            for one, before in zip(said, replaced, strict=True)
        ]
        return _json(kept if body.lstrip().startswith(b"[") else kept[0])

    async def _healthz(self, _: bytes) -> Reply:
        return _json({"alive": True})

    async def _readyz(self, _: bytes) -> Reply:
        if not self._served.batcher.alive:
            raise NotAnswered("no predictions are made: the server stops")
        return _json({"ready": True, "version": self._served.follower.current.champion.version})

    async def _version(self, _: bytes) -> Reply:
        follower = self._served.follower
        current = follower.current
        plan = current.plan
        return _json(
            {
                "model": self._served.name,
                "version": current.champion.version,
                "run": current.champion.run,
                "release": plan and {"stage": plan.stage, "version": plan.version,
                                     "share": plan.share, "run": plan.run},
                "swaps": follower.swaps,
                "not_loaded": {str(v): why for v, why in follower.failures.items()},
                "release_problem": follower.wanted.problem,
                "registry": follower.stale or "followed",
                "log": self._served.batcher.failure or "written",
            }
        )  # fmt: skip

    async def _metrics(self, _: bytes) -> Reply:
        return Reply(200, self._served.metrics.text(), CONTENT_TYPE.encode())

    async def _openapi(self, _: bytes) -> Reply:
        served = self._served
        return _json(
            description(served.name, served.contract, chats=served.text_of is not None,
                        token=served.token is not None)
        )  # fmt: skip


class Failed(Exception):
    """A row has no output; the work says why, and under which ids that is logged."""

    def __init__(self, work: Work) -> None:
        super().__init__(str(work.failure))
        self.work = work


async def _send(reply: Reply, send: Send) -> None:
    assert isinstance(reply.body, bytes)
    length = str(len(reply.body)).encode()
    headers = [(b"content-type", reply.kind), (b"content-length", length), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _json(content: Any) -> Reply:
    return Reply(200, orjson.dumps(content, option=_OPTIONS))


def _about(work: Work) -> dict[str, Any]:
    about = {"ids": work.ids, "version": work.version, "arm": work.arm}
    return about if work.logged else {**about, "logged": False}


def _told(reason: str, ids: Any = None) -> bytes:
    return orjson.dumps({"error": reason} if ids is None else {"error": reason, "ids": ids})


def _require_token(scope: Scope, token: str) -> None:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    if not hmac.compare_digest(given, b"Bearer " + token.encode()):
        raise Refusal(401, "no valid token; send the header 'Authorization: Bearer TOKEN'")


def _refusal(error: Exception) -> Reply:
    """The reply that an error becomes: the one place where errors become statuses."""
    ids = None
    if isinstance(error, Failed):
        ids, cause = error.work.ids, error.work.failure
    else:
        cause = error  # type: ignore[assignment]
    status = _status(cause or error)
    headers = []
    if status in (429, 503):
        headers = [(b"retry-after", RETRY_AFTER.encode())]
    elif status == 401:
        headers = [(b"www-authenticate", b"Bearer")]
    elif status == 500:
        _log.error("a request failed: %r", error, exc_info=error)
    reason = "the queue is full; try again later" if isinstance(error, Full) else str(error)
    return Reply(status, _told(reason, ids), headers=headers)


def _status(error: Exception) -> int:
    if isinstance(error, Malformed | Refusal):
        return error.status
    if isinstance(error, Full):
        return 429
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, UsageError):
        return 422
    return 503 if isinstance(error, FullturnError | NotAnswered) else 500
