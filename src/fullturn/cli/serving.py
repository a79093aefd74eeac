"""`serve`."""

from __future__ import annotations

import contextlib
import json
import logging
from queue import Full, Queue
from threading import Thread
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.verb import json_option, opened

if TYPE_CHECKING:
    from fullturn.verbs.serve import Opened

WAITING = 1000
"""Maximum number of waiting log lines."""
ROUTES = {
    "POST /predict": "rows → outputs and prediction ids",
    "POST /invocations": "the same in MLflow's protocol",
    "POST /v1/chat/completions": "the same in OpenAI's protocol, for assistants",
    "POST /feedback": "the correct answer or a score for a prediction id",
    "GET /version /readyz /healthz /metrics /openapi.json": "version, health, metrics",
}


@click.command()
@click.option("--host", help="Interface to listen on; default: from fullturn.toml.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 picks a free one; default: from fullturn.toml.",
)
@json_option
def serve(host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the champion over HTTP and follow the registry.

    Promotions, rollbacks and releases take effect within a second, without failed requests. Every
    answer is written to the prediction log before it is sent.
    """
    from fullturn.verbs import serve

    log = logging.getLogger("fullturn.serving")
    handler = BackgroundLines(as_json)
    log.addHandler(handler)
    try:
        serve.serve(opened(), host, port, say_json if as_json else show_server)
    finally:
        log.removeHandler(handler)
    if not as_json:
        say("stopped; all answers are in the prediction log")


def show_server(found: Opened) -> None:
    say(f"version {found.version} of '{escape(found.model)}' at [bold]{found.address}[/bold]")
    for route, about in ROUTES.items():
        if found.chats or "chat" not in route:
            say(f"  {route} [dim]{about}[/dim]")
    body = json.dumps({"inputs": [found.example]}, ensure_ascii=False).replace("'", "'\\''")
    token = " -H 'Authorization: Bearer TOKEN'" if found.asks_token else ""
    click.echo(f"try:\n  curl {found.address}/predict{token} -d '{body}'")
    say_next("fullturn lineage PREDICTION-ID", "fullturn promote VERSION", "stop with Ctrl-C")


class BackgroundLines(logging.Handler):
    """Prints one line per swap and failure, in a separate thread.

    If the reader of our output stops reading, the server must not block.
    """

    def __init__(self, as_json: bool) -> None:
        super().__init__(logging.WARNING)
        self._as_json = as_json
        self._records: Queue[logging.LogRecord] = Queue(WAITING)
        Thread(target=self._run, name="say", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record; drop it if the queue is full."""
        with contextlib.suppress(Full):
            self._records.put_nowait(record)

    def _run(self) -> None:
        while True:
            self._say(self._records.get())

    def _say(self, record: logging.LogRecord) -> None:
        if self._as_json:
            say_json({"level": record.levelname.lower(), "event": record.getMessage()})
        else:
            colour = "red" if record.levelno >= logging.ERROR else "cyan"
            say(f"[{colour}]{escape(record.getMessage())}[/{colour}]")


COMMANDS = (serve,)
