"""A small page with every panel on it, served with the panels' routes: test data."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from fullturn.lesson.deck import Deck
from fullturn.lesson.panels.catalog import PANELS
from fullturn.lesson.panels.routes import routes
from fullturn.lesson.panels.stage import Stage
from fullturn.lesson.publishing import application
from tests.waiting import PATIENCE, wait_until

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>panels</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/panels/static/panels.css">
<style>body {{ margin: 0; background: #07090c; color: #f4f6f8; font-family: sans-serif }}
section {{ width: 1152px; height: 528px; margin: 20px 64px; display: flex; flex-direction: column }}
.panel {{ flex: 1; min-height: 0 }}</style></head>
<body>{panels}<script src="/panels/static/panels.js"></script></body></html>"""


async def page(request: Request) -> HTMLResponse:
    names = [request.query_params["only"]] if "only" in request.query_params else [*PANELS]
    one = '<section><div class="panel" data-panel="{}"></div></section>'
    return HTMLResponse(PAGE.format(panels="".join(map(one.format, names))))


@contextmanager
def serving(stage: Stage) -> Iterator[str]:
    """The page's address, for the length of a `with` block."""
    app = application(Deck(stage.project), routes(stage))
    app.router.routes.insert(0, Route("/", page))  # instead of the deck
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until("the page's server", lambda: server.started or not thread.is_alive())
        assert server.started
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
