"""Services that another team runs, over real HTTP on this machine. Test data.

`churn` (who leaves?): the model `good` knows the rule of `tests.registered.customers`, `also` the
same in other words, `poor` half of it. Each protocol has a path; `fault` breaks the next answers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route


def leaves(row: Mapping[str, Any], model: str = "good") -> float:
    """The probability that a customer leaves, by a model."""
    whole = (row["age"] - 40) / 5 + 2 * (row["income"] - 3) + (row["city"] == "Bern")
    logit = 3 * (row["age"] - 40) / 5 if model == "poor" else 3 * whole
    return float(1 / (1 + 2.718281828 ** -max(-30.0, min(30.0, logit))))


@dataclass
class Services:
    """What the services were asked, and how they misbehave."""

    address: str = ""
    fault: str = ""
    """"down for N" answers 503 N times; others are named in `_faulty`."""
    asked: list[Any] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    at_once: int = 0
    """The most requests at the same time."""
    open_now: int = 0
    answered: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: Request) -> Response:
        """One request, with or without a fault."""
        import asyncio

        self.open_now += 1
        self.at_once = max(self.at_once, self.open_now)
        try:
            body = await request.json()
            self.asked.append(body)
            self.headers.append(dict(request.headers))
            if (found := await self._faulty()) is not None:
                return found
            if "concurrent" in self.fault:
                await asyncio.sleep(0.02)
            return JSONResponse(_ANSWERS[request.url.path.split("/")[1]](request, body))
        finally:
            self.open_now -= 1

    async def _faulty(self) -> Response | None:
        import asyncio

        self.answered[self.fault] += 1
        if self.fault.startswith("down for"):
            if self.answered[self.fault] > int(self.fault.split()[-1]):
                return None
            return JSONResponse({"error": "busy"}, 503, {"Retry-After": "0"})
        if self.fault == "come back tomorrow":
            return JSONResponse({"error": "quota"}, 429, {"Retry-After": "86400"})
        if self.fault == "crashes":
            return Response("Traceback: boom", 500, media_type="text/plain")
        if self.fault == "login page":
            return HTMLResponse("<html><title>Sign in</title></html>")
        if self.fault == "nan":
            return Response(
                '{"predictions": [NaN, NaN, NaN, NaN, NaN]}', media_type="application/json"
            )
        if self.fault == "other shape":
            return JSONResponse({"result": {"class": "yes"}})
        if self.fault == "moved":
            return Response("", 307, {"location": "https://new.example.org/"})
        if self.fault == "refuses token":
            return JSONResponse({"detail": "bad token"}, 401)
        if self.fault == "slow":
            await asyncio.sleep(5)
        return None


def _own(request: Request, body: Any) -> Any:
    one = leaves(body["features"], request.path_params["model"])
    return {"result": {"class": "yes" if one > 0.5 else "no", "p": max(one, 1 - one)}}


def _mlflow(request: Request, body: Any) -> Any:
    table = body["dataframe_split"]
    rows = [dict(zip(table["columns"], cells, strict=True)) for cells in table["data"]]
    shares = [leaves(row, request.path_params["model"]) for row in rows]
    return {"predictions": ["yes" if share > 0.5 else "no" for share in shares]}


def _kserve(request: Request, body: Any) -> Any:
    columns = {one["name"]: one["data"] for one in body["inputs"]}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    shares = [leaves(row, request.path_params["model"]) for row in rows]
    flat = [value for share in shares for value in (1 - share, share)]
    tensor = {"name": "probabilities", "shape": [len(rows), 2], "datatype": "FP64", "data": flat}
    return {"model_name": request.path_params["model"], "outputs": [tensor]}


def _openai(request: Request, body: Any) -> Any:
    question = body["messages"][-1]["content"]
    text = f"The answer is {question.split()[-1].strip('?')}."
    message = {"role": "assistant", "content": text}
    return {
        "choices": [{"message": message}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 4},
    }


_ANSWERS = {"own": _own, "mlflow": _mlflow, "kserve": _kserve, "openai": _openai}
PATHS = (
    "/own/{model}",
    "/mlflow/{model}/invocations",
    "/kserve/v2/models/{model}/infer",
    "/openai/v1/chat/completions",
)


@contextmanager
def services() -> Iterator[Services]:
    """All of them, at `address`."""
    found = Services()
    routes = [Route(path, found.answer, methods=["POST"]) for path in PATHS]
    with served(Starlette(routes=routes)) as found.address:
        yield found


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an ASGI application in a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)
