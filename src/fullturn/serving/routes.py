"""The routes: from the body of a request to its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Contract, Output
from fullturn.core.settings import ServingSettings
from fullturn.serving import chat, feedback, inputs
from fullturn.serving.answering import Full, NotAnswered, Work
from fullturn.serving.batcher import Batcher
from fullturn.serving.deployment import Follower
from fullturn.serving.feedback import FeedbackStore
from fullturn.serving.inputs import Asked, Rows
from fullturn.serving.metrics import CONTENT_TYPE, Metrics
from fullturn.serving.openapi import description
from fullturn.serving.replies import Failed, Refusal, Reply, as_json

FEEDBACK_WAITING = 64
"""Requests with feedback that are looked up at a time, at most."""
Handler = Callable[[bytes, str], Awaitable[Reply]]
"""From a body, and the address that it came from, to a reply; `replies.refusal` makes one of what
is raised."""


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
    feedback_store: FeedbackStore
    metrics: Metrics


class Routes:
    """The handlers, by path."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._rows = Rows(served.contract)
        self._feedback_waiting = 0
        self.hot: dict[str, Handler] = {
            "/predict": self._predict,
            "/invocations": self._invocations,
        }
        """Routes to the model, where every microsecond counts."""
        self.posts: dict[str, Handler] = {
            **self.hot,
            "/feedback": self._feedback,
            "/v1/chat/completions": self._chat,
        }
        self.gets: dict[str, Handler] = {
            "/version": self._version,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
        }
        self.public: dict[str, Handler] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        """Routes that need no token."""

    async def _predict(self, body: bytes, host: str) -> Reply:
        work = await self._answered(inputs.of_predict(body), host)
        return as_json({"outputs": [one.output for one in work.predictions], **_about(work)})

    async def _invocations(self, body: bytes, host: str) -> Reply:
        work = await self._answered(inputs.of_invocations(body), host)
        return as_json({"predictions": [one.output for one in work.predictions], **_about(work)})

    async def _chat(self, body: bytes, host: str) -> Reply:
        served = self._served
        if served.text_of is None or served.contract.text is None:
            raise Refusal(404, f"'{served.name}' is not an assistant; send rows to /predict")
        asked = chat.of_body(body)
        row = {served.contract.text: asked.question}
        work = await self._answered(Asked([row], asked.key), host)
        one = work.predictions[0]
        text, model = served.text_of(one.output or {}), served.name
        if asked.stream:
            return Reply(200, chat.events(one, text, model), b"text/event-stream")
        return as_json(chat.completion(one, text, model))

    async def _feedback(self, body: bytes, _: str) -> Reply:
        entries = feedback.of_body(body, self._served.contract)
        if self._feedback_waiting >= FEEDBACK_WAITING:
            raise Full
        self._feedback_waiting += 1
        try:
            replaced = await asyncio.to_thread(self._served.feedback_store.store, entries)
        finally:
            self._feedback_waiting -= 1
        self._served.metrics.feedback += len(entries)
        stored = [
            {"id": one.prediction, "replaced": before}
            for one, before in zip(entries, replaced, strict=True)
        ]
        return as_json(stored if body.lstrip().startswith(b"[") else stored[0])

    async def _healthz(self, _: bytes, host: str) -> Reply:
        return as_json({"alive": True})

    async def _readyz(self, _: bytes, host: str) -> Reply:
        if not self._served.batcher.alive:
            raise NotAnswered("no predictions are made: the server is shutting down")
        return as_json({"ready": True, "version": self._served.follower.current.champion.version})

    async def _version(self, _: bytes, host: str) -> Reply:
        follower = self._served.follower
        current = follower.current
        plan = current.plan
        return as_json(
            {
                "model": self._served.name,
                "version": current.champion.version,
                "run": current.champion.run,
                "release": plan and {"stage": plan.stage, "version": plan.version,
                                     "share": plan.share, "run": plan.run},
                "swaps": follower.swaps,
                "not_loaded": {str(v): why for v, why in follower.failures.items()},
                "release_problem": follower.wanted.problem,
                "foreign_alias": follower.wanted.foreign,
                "registry": follower.stale or "followed",
                "log": self._served.batcher.failure or "written",
            }
        )  # fmt: skip

    async def _metrics(self, _: bytes, host: str) -> Reply:
        return Reply(200, self._served.metrics.text(), CONTENT_TYPE.encode())

    async def _openapi(self, _: bytes, host: str) -> Reply:
        served = self._served
        return as_json(
            description(served.name, served.contract, chats=served.text_of is not None,
                        token=served.token is not None)
        )  # fmt: skip

    async def _answered(self, asked: Asked, host: str) -> Work:
        most = self._served.settings.queue_rows
        if len(asked.rows) > most:
            raise Refusal(413, f"{len(asked.rows)} rows in one request; send at most {most}")
        found = self._rows.checked(asked.rows)
        future = asyncio.get_running_loop().create_future()
        work = Work(found.rows, asked.key, future, (host, asked.key), found.refused)
        self._served.batcher.submit(work)
        await future
        if work.failure is not None:
            raise Failed(work)
        return work


def _about(work: Work) -> dict[str, Any]:
    about = {"ids": work.ids, "version": work.version, "arm": work.arm}
    return about if work.logged else {**about, "logged": False}
