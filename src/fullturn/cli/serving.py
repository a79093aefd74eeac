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
"""So many lines may wait to be said."""
ROUTES = {
    "POST /predict": "rows → outputs and prediction ids",
    "POST /invocations": "the same in MLflow's protocol",
    "POST /v1/chat/completions": "the same in OpenAI's protocol, for assistants",
    "POST /feedback": "the right answer, or a score, for a prediction id",
    "GET /version /readyz /healthz /metrics /openapi.json": "what it serves, and how it does",
}


@click.command()
@click.option("--host", help="Address to listen on; that of fullturn.toml if not set.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; that of fullturn.toml if not set, 0: any."
)
@json_option
def serve(host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the champion over HTTP, and follow the registry.

    A promotion, a rollback or a release takes effect within a second, without a failed request.
    Every answer is in the prediction log before it leaves.
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
        say("stopped; what was answered is in the prediction log")


def show_server(found: Opened) -> None:
    say(f"version {found.version} of '{escape(found.model)}' at [bold]{found.address}[/bold]")
    for route, about in ROUTES.items():
        if found.chats or "chat" not in route:
            say(f"  {route} [dim]{about}[/dim]")
    body = json.dumps({"inputs": [found.example]}, ensure_ascii=False).replace("'", "'\\''")
    token = " -H 'Authorization: Bearer TOKEN'" if found.asks_token else ""
    click.echo(f"try:\n  curl {found.address}/predict{token} -d '{body}'")
    say_next("fullturn lineage PREDICTION-ID", "fullturn promote VERSION", "Ctrl-C stops it")


class BackgroundLines(logging.Handler):
    """One line for each swap and each failure, said by a thread of its own.

    Whoever reads our output may stop reading: the server must go on, and follow the registry.
    """

    def __init__(self, as_json: bool) -> None:
        super().__init__(logging.WARNING)
        self._as_json = as_json
        self._records: Queue[logging.LogRecord] = Queue(WAITING)
        Thread(target=self._run, name="say", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have it said; drop it if too many wait."""
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
