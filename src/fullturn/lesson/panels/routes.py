"""HTTP routes of the panels: start one, follow its events, get recordings and choices.

Who may ask is checked before them, by `publishing.application`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.resources import files
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fullturn.core.errors import FullturnError, NotFound
from fullturn.lesson.panels import ask, canary, compare
from fullturn.lesson.panels.events import replays
from fullturn.lesson.panels.stage import Busy, Performance, Stage
from fullturn.verbs.workspace import Workspace

LARGEST_BODY = 4096
LOOK_EVERY, BEAT = 0.05, 10.0
"""Polling interval and keep-alive interval of the event stream, in seconds."""
STATIC = {"panels.js": "text/javascript", "panels.css": "text/css"}
Choices = Mapping[str, Any]


def routes(stage: Stage) -> list[Route]:
    """All routes under /panels."""
    handlers = _PanelHandlers(stage)
    return [
        Route("/panels/static/{file}", _static),
        Route("/panels/status", handlers.status),
        Route("/panels/replays", handlers.replays),
        Route("/panels/{name}/choices", handlers.choices),
        Route("/panels/{name}/events", handlers.events),
        Route("/panels/{name}", handlers.start, methods=["POST"]),
    ]


class _PanelHandlers:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def status(self, request: Request) -> Response:
        """The running panel, if any, and the number of its performance."""
        running = self._stage.running
        name, number = (running.name, running.number) if running else (None, None)
        return JSONResponse({"running": name, "performance": number})

    async def replays(self, request: Request) -> Response:
        """All recordings, by panel."""
        return JSONResponse(replays())

    async def choices(self, request: Request) -> Response:
        """The options of a panel."""
        offered = _CHOICES.get(request.path_params["name"], lambda project: {})
        try:
            return JSONResponse(await run_in_threadpool(offered, self._stage.project))
        except FullturnError as error:
            return _refused(404, str(error))

    async def start(self, request: Request) -> Response:
        """202 with the number of the performance; 409 if a panel is already running."""
        try:
            options = _options(await request.body())
            performance = self._stage.start(request.path_params["name"], options)
        except ValueError as error:
            return _refused(422, str(error))
        except Busy as error:
            return _refused(409, str(error))
        except NotFound as error:
            return _refused(404, str(error))
        return JSONResponse({"performance": performance.number}, 202)

    async def events(self, request: Request) -> Response:
        """The events of a performance from the start, then new ones as they arrive."""
        try:
            performance = self._stage.performance(int(request.query_params.get("performance", "")))
        except ValueError:
            return _refused(422, "'performance' must be the number returned by the start request")
        except NotFound as error:
            return _refused(404, str(error))
        last = request.headers.get("last-event-id", "")
        after = int(last) + 1 if last.isdecimal() else 0
        headers = {"cache-control": "no-store"}
        return StreamingResponse(
            _streamed(performance, after), media_type="text/event-stream", headers=headers
        )


async def _static(request: Request) -> Response:
    name = request.path_params["file"]
    if name not in STATIC:
        return _refused(404, f"file '{name}' not found")
    text = files("fullturn.lesson.panels").joinpath("static", name).read_text(encoding="utf-8")
    return Response(text, media_type=STATIC[name], headers={"cache-control": "no-cache"})


async def _streamed(performance: Performance, after: int) -> AsyncIterator[str]:
    """Numbered server-sent events, so that a reconnecting browser can resume."""
    silent = 0.0
    while True:
        fresh = performance.events[after:]
        for number, event in enumerate(fresh, after):
            yield f"id: {number}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
        after += len(fresh)
        if fresh and fresh[-1]["type"] == "done":
            return
        silent = 0.0 if fresh else silent + LOOK_EVERY
        if silent >= BEAT:
            silent = 0.0
            yield ": keep-alive\n\n"
        await asyncio.sleep(LOOK_EVERY)


def _options(body: bytes) -> dict[str, str]:
    """The options of a start request: a JSON object of strings.

    Raises:
        ValueError: the body is something else, or too large.
    """
    if len(body) > LARGEST_BODY:
        raise ValueError(f"the options have {len(body)} bytes; the maximum is {LARGEST_BODY}")
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise ValueError("the options are not valid JSON") from None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError("the options must be a JSON object of strings")
    return given


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _compare(project: Workspace) -> Choices:
    runs = compare.choices(project)
    selects = [
        {"name": "a", "label": "A", "options": runs},
        {"name": "b", "label": "B", "options": runs},
    ]
    return {"selects": selects}


_CHOICES: Mapping[str, Callable[[Workspace], Choices]] = {
    "compare": _compare,
    "canary": lambda project: {
        "selects": [{"name": "version", "label": "release", "options": canary.CHOICES}]
    },
    "ask": lambda project: {
        "input": {
            "name": "question",
            "label": "question",
            "most": ask.LONGEST,
            "example": ask.EXAMPLE,
        }
    },
}
