"""The routes: from the body of a request to its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.entities import Contract, Output
from fullturn.core.settings import ServingSettings
from fullturn.core.wording import shown
from fullturn.serving import (
    binary_tensors,
    chat,
    external,
    feedback,
    inference,
    inputs,
    scoring,
    table_bodies,
)
from fullturn.serving.access import Headers, require_json
from fullturn.serving.answering import Full, NotAnswered, Work
from fullturn.serving.batcher import Batcher
from fullturn.serving.deployment import Follower
from fullturn.serving.feedback import FeedbackStore
from fullturn.serving.inputs import Asked, Checked, Rows
from fullturn.serving.metrics import Metrics
from fullturn.serving.openapi import description
from fullturn.serving.replies import Failed, Refusal, Reply, as_json, refusal
from fullturn.serving.scoring import Table

FEEDBACK_WAITING = 64
"""Requests with feedback that are looked up at a time, at most."""


@dataclass(slots=True)
class Call:
    """A request that was let in."""

    body: bytes
    host: str
    """The address that it came from."""
    headers: Headers
    path: Mapping[str, str]
    """The parts of its path that the route leaves open."""


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path."""

    handler: Handler
    method: str = "POST"
    takes: Callable[[bytes], object] = require_json
    """Raises a Refusal for a content type that is not taken; asked before a body is read."""
    refusal: Callable[[Exception], Reply] = refusal
    """Makes a reply of what is raised."""
    is_public: bool = False
    """Whether it needs no token."""


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
        self._lenient = Rows(served.contract, lenient=True)
        self.hot: dict[str, Route] = {
            "/predict": Route(self._predict),
            "/invocations": Route(self._invocations, takes=scoring.kind_of,
                                  refusal=scoring.refusal),
        }  # fmt: skip
        """Routes to the model, where every microsecond counts."""
        infer = Route(self._infer, takes=inference.require_tensors, refusal=inference.refusal)
        self.hot[f"/v2/models/{served.name}/infer"] = infer
        self.all: dict[str, Route] = {
            **self.hot,
            "/feedback": Route(self._feedback),
            "/log": Route(self._log),
            "/v1/chat/completions": Route(self._chat),
            "/status": _get(self._status),
            "/version": _get(self._version),
            "/metrics": _get(self._metrics),
            "/openapi.json": _get(self._openapi),
            "/healthz": _get(self._healthz, is_public=True),
            "/readyz": _get(self._readyz, is_public=True),
            "/ping": _get(self._ping, is_public=True),
            "/health": _get(self._ping, is_public=True),
            "/v2": _get(self._server),
            "/v2/health/live": _get(self._live, is_public=True),
            "/v2/health/ready": _get(self._server_ready, is_public=True),
        }
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            self.all[path] = _get(self._model, refusal=inference.refusal)
            self.all[f"{path}/ready"] = _get(self._model_ready, refusal=inference.refusal)
            self.all[f"{path}/infer"] = infer
        """By path."""

    async def _predict(self, call: Call) -> Reply:
        asked = inputs.of_predict(call.body)
        work, found = await self._answered(asked, call.host, self._rows)
        outputs = [one.output for one in work.predictions]
        return as_json({"outputs": outputs, **_about(work, found)})

    async def _invocations(self, call: Call) -> Reply:
        table, key = await self._table(call)
        if not table.rows:
            return self._no_rows(table)
        work, found = await self._answered(Asked(table.rows, key), call.host, self._lenient)
        predictions = [one.output for one in work.predictions]
        return as_json({"predictions": predictions, **_about(work, found)})

    async def _table(self, call: Call) -> tuple[Table, str]:
        served, body = self._served, call.body
        kind = scoring.kind_of(call.headers.get(b"content-type", b""))
        if kind == "json":
            champion = served.follower.current.champion.predictor
            by_place = getattr(champion, "reads_arrays", False)
            params: frozenset[str] = getattr(champion, "params", frozenset())
            return scoring.of_json(body, served.contract, by_place=by_place, params=params)
        most, largest = served.settings.queue_rows, served.settings.body_bytes
        if kind == "csv":
            return table_bodies.of_csv(body, served.contract, most), ""
        return await asyncio.to_thread(
            table_bodies.of_parquet, body, served.contract, most, largest
        ), ""

    def _no_rows(self, table: Table) -> Reply:
        """The answer to a table of no rows with the right columns, which has no predictions."""
        self._lenient.require(table.columns or ())
        champion = self._served.follower.current.champion
        about = {"ids": [], "version": champion.version, "arm": "champion"}
        return as_json({"predictions": [], **about})

    async def _infer(self, call: Call) -> Reply:
        pinned = self._served_version(call)
        asked = inference.of_body(call.body, call.headers.get(binary_tensors.HEADER))
        work, found = await self._answered(
            Asked(asked.rows, asked.key), call.host, self._rows, pinned=pinned is not None
        )
        if pinned is not None and work.version != pinned:
            raise Refusal(404, f"version {pinned} is no longer served; version {work.version} is")
        return inference.reply(asked, work, found, self._served.name)

    def _served_version(self, call: Call) -> int | None:
        """The version that a path names; None if it names none.

        Raises:
            Refusal: 404 for another model, or a version that is not the champion.
        """
        served, model, number = self._served, call.path.get("model"), call.path.get("version")
        champion = served.follower.current.champion.version
        if model is not None and model != served.name:
            raise Refusal(404, f"no model {shown(model)}; this server has '{served.name}'")
        if number is not None and number != str(champion):
            raise Refusal(404, f"version {shown(number)} is not the champion; that is {champion}")
        return champion if number is not None else None

    async def _server(self, _: Call) -> Reply:
        return inference.server()

    async def _live(self, _: Call) -> Reply:
        return as_json({"live": True})

    async def _server_ready(self, _: Call) -> Reply:
        self._require_alive()
        return as_json({"ready": True})

    async def _model(self, call: Call) -> Reply:
        self._served_version(call)
        served = self._served
        return inference.metadata(served.name, served.contract, served.follower.current)

    async def _model_ready(self, call: Call) -> Reply:
        self._served_version(call)
        self._require_alive()
        return as_json({"name": self._served.name, "ready": True})

    async def _chat(self, call: Call) -> Reply:
        served = self._served
        if served.text_of is None or served.contract.text is None:
            raise Refusal(404, f"'{served.name}' is not an assistant; send rows to /predict")
        asked = chat.of_body(call.body)
        row = {served.contract.text: asked.question}
        work, _ = await self._answered(Asked([row], asked.key), call.host, self._rows)
        one = work.predictions[0]
        text, model = served.text_of(one.output or {}), served.name
        if asked.stream:
            return Reply(200, chat.events(one, text, model), b"text/event-stream")
        return as_json(chat.completion(one, text, model))

    async def _feedback(self, call: Call) -> Reply:
        entries = feedback.of_body(call.body, self._served.contract)
        replaced = await self._in_thread(self._served.feedback_store.store, entries)
        self._served.metrics.feedback += len(entries)
        stored = [
            {"id": one.prediction, "replaced": before}
            for one, before in zip(entries, replaced, strict=True)
        ]
        return as_json(stored if call.body.lstrip().startswith(b"[") else stored[0])

    async def _log(self, call: Call) -> Reply:
        served = self._served
        entries, broken = external.of_body(call.body, served.contract, self._rows)
        champion = served.follower.current.champion.version
        new = [
            (one.id if one.has_own_id else None, one.records(lambda _: champion)) for one in entries
        ]
        repeated = await self._in_thread(served.feedback_store.store_new, new)
        stored = [
            {"id": one.id, "repeated": before, **({"broken": why} if why else {})}
            for one, before, why in zip(entries, repeated, broken, strict=True)
        ]
        return as_json(stored if call.body.lstrip().startswith(b"[") else stored[0])

    async def _in_thread(self, store: Callable[..., list[bool]], *arguments: Any) -> list[bool]:
        """What looks ids up in the log, a few at a time."""
        if self._feedback_waiting >= FEEDBACK_WAITING:
            raise Full
        self._feedback_waiting += 1
        try:
            return await asyncio.to_thread(store, *arguments)
        finally:
            self._feedback_waiting -= 1

    async def _healthz(self, _: Call) -> Reply:
        return as_json({"alive": True})

    async def _readyz(self, _: Call) -> Reply:
        self._require_alive()
        return as_json({"ready": True, "version": self._served.follower.current.champion.version})

    async def _ping(self, _: Call) -> Reply:
        self._require_alive()
        return Reply(200, b"\n")

    async def _version(self, _: Call) -> Reply:
        return scoring.mlflow_version()

    async def _status(self, _: Call) -> Reply:
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

    async def _metrics(self, call: Call) -> Reply:
        accept = call.headers.get(b"accept", b"").decode("latin-1")
        text, kind = self._served.metrics.text(accept)
        return Reply(200, text, kind.encode())

    async def _openapi(self, _: Call) -> Reply:
        served = self._served
        return as_json(
            description(served.name, served.contract, chats=served.text_of is not None,
                        token=served.token is not None)
        )  # fmt: skip

    def _require_alive(self) -> None:
        if not self._served.batcher.alive:
            raise NotAnswered("no predictions are made: the server is shutting down")

    async def _answered(
        self, asked: Asked, host: str, rows: Rows, *, pinned: bool = False
    ) -> tuple[Work, Checked]:
        most = self._served.settings.queue_rows
        if len(asked.rows) > most:
            raise Refusal(413, f"{len(asked.rows)} rows in one request; send at most {most}")
        found = rows.checked(asked.rows)
        if found.extended:
            self._served.metrics.extended_rows += found.extended
        future = asyncio.get_running_loop().create_future()
        work = Work(found.rows, asked.key, future, (host, asked.key), found.refused, pinned)
        self._served.batcher.submit(work)
        await future
        if work.failure is not None:
            raise Failed(work)
        return work, found


def _get(
    handler: Handler,
    *,
    is_public: bool = False,
    refusal: Callable[[Exception], Reply] = refusal,
) -> Route:
    return Route(handler, "GET", refusal=refusal, is_public=is_public)


def _about(work: Work, found: Checked) -> dict[str, Any]:
    about: dict[str, Any] = {"ids": work.ids, "version": work.version, "arm": work.arm}
    if found.ignored:
        about["ignored"] = found.ignored
    return about if work.logged else {**about, "logged": False}
