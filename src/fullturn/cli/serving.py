"""Serve and watch: `serve`, `release`, `monitor`."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next, say_verbatim, show
from fullturn.cli.verb import answer, json_option, open_project

if TYPE_CHECKING:
    from fullturn.release.records import Decision
    from fullturn.release.state import Release
    from fullturn.verbs.serve import Opened


WAITING = 1000
"""Maximum number of waiting log lines."""
ROUTES = {
    "POST /predict": "rows → outputs and prediction ids",
    "POST /invocations": "the same in MLflow's protocol; also CSV and Parquet",
    "POST /v2/models/NAME/infer": "the same in KServe's protocol",
    "POST /v1/chat/completions": "the same in OpenAI's protocol, for assistants",
    "POST /feedback": "the correct answer or a score for a prediction id",
    "POST /log": "a prediction that was made elsewhere, for monitoring",
    "GET /status /readyz /healthz /metrics /openapi.json": "version, health, metrics",
}


@click.command()
@click.option("--host", help="Interface to listen on; default: from fullturn.toml.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 picks a free one; default: from fullturn.toml.",
)
@click.option(
    "--follow-alias",
    is_flag=True,
    help="Serve what the alias 'champion' points at, also if it was set in MLflow.",
)
@json_option
def serve(host: str | None, port: int | None, follow_alias: bool, as_json: bool) -> None:
    """Serve the champion over HTTP and follow the registry.

    Promotions, rollbacks and releases take effect within a second, without failed requests. Every
    answer is written to the prediction log before it is sent.
    """
    from fullturn.verbs import serve

    log = logging.getLogger("fullturn.serving")
    handler = BackgroundLines(as_json)
    log.addHandler(handler)
    try:
        shown = say_json if as_json else show_server
        serve.serve(open_project(), host, port, shown, follow_alias=follow_alias)
    finally:
        log.removeHandler(handler)
    if not as_json:
        say("stopped; all answers are in the prediction log")


def show_server(found: Opened) -> None:
    """The address of a server, its routes, and a request to try."""
    address = f"[bold]{escape(found.address)}[/bold]"
    say(f"version {found.version} of '{escape(found.model)}' at {address}")
    for route, about in ROUTES.items():
        if found.chats or "chat" not in route:
            say(f"  {route} [dim]{about}[/dim]")
    body = json.dumps({"inputs": [found.example]}, ensure_ascii=False).replace("'", "'\\''")
    token = " -H 'Authorization: Bearer TOKEN'" if found.asks_token else ""
    say_verbatim(f"try:\n  curl {found.address}/predict{token} --json '{body}'")
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


QUIET, MINUTE = 30.0, 60.0
"""Seconds without a request before the first and further reminders."""


class _Release(click.Group):
    """`release VERSION` is short for `release start VERSION`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            args = ["start", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Release)
def release() -> None:
    """Release a version in stages: shadow → canary → champion, or a rollback.

    `fullturn release VERSION` starts or resumes the release of VERSION.
    """


@release.command()
@click.argument("reference", metavar="VERSION")
@json_option
def start(reference: str, as_json: bool) -> int:
    """Release VERSION on the running server and wait for the decision."""
    forecast = {} if as_json else {"on_forecast": show_forecast}
    return answer(open_project().release(reference, ReleaseProgress(as_json), **forecast), as_json)


@release.command()
@json_option
def status(as_json: bool) -> int:
    """Show the stage and the evidence of the active release."""
    return answer(open_project().release.status(), as_json)


@release.command()
@click.option("--reason", required=True, help="Reason, recorded with the release.")
@json_option
def abort(reason: str, as_json: bool) -> int:
    """Abort the active release; all traffic goes to the champion immediately."""
    return answer(open_project().release.abort(reason), as_json)


class ReleaseProgress:
    """Reports the progress of a release: each stage, its last evidence, and missing requests."""

    def __init__(self, as_json: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._as_json, self._clock = as_json, clock
        self._stage = ""
        self._printed = self._requests = 0
        self._since = self._reminded = 0.0

    def __call__(self, release: Release, decision: Decision) -> None:
        """Print this look if something changed."""
        if self._as_json:
            return
        if decision.stage != self._stage:
            self._stage, self._printed = decision.stage, 0
            self._restart_clock(decision)
            say(f"[bold]{decision.stage}[/bold] {ABOUT[decision.stage]}")
        doubled = decision.requests >= max(100, 2 * self._printed)
        if decision.action != "go on":
            show(decision)
        elif doubled:
            self._printed = decision.requests
            say(f"[dim]  {escape(_progress(decision))}[/dim]")
        else:
            self._remind(decision)

    def _restart_clock(self, decision: Decision) -> None:
        self._requests, self._reminded = decision.requests, 0.0
        self._since = self._clock()

    def _remind(self, decision: Decision) -> None:
        """Report missing requests after QUIET seconds and then every minute."""
        if decision.requests != self._requests:
            self._restart_clock(decision)
        quiet = self._clock() - self._since
        if quiet >= (self._reminded + MINUTE if self._reminded else QUIET):
            self._reminded = quiet
            both = " in both arms" if decision.stage == "canary" else ""
            say(
                f"[yellow]  {decision.stage}: no requests{both} for {quiet:.0f} s; is `fullturn "
                "serve` running and receiving requests?[/yellow]"
            )


ABOUT = {
    "shadow": "answers copies of live requests; users do not see its answers",
    "canary": "serves some users; an equal number get the champion at the same time",
}


def show_forecast(sentences: list[str]) -> None:
    """Error rates and detectable effects of the release, before it starts."""
    for sentence in sentences:
        say(f"[dim]{escape(sentence)}[/dim]")


def _progress(decision: Decision) -> str:
    """What is missing; the reason includes the request count while there are too few."""
    if decision.requests < decision.minimum:
        return decision.reason
    return f"{decision.requests:,} requests; {decision.reason}"


@click.command()
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a report page with plots.",
)
@json_option
def monitor(page: Path | None, as_json: bool) -> int:
    """Show the state of each detector, and alarms with their diagnosis."""
    return answer(open_project().monitor(page), as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@json_option
def dashboards(folder: str, as_json: bool) -> int:
    """Write a Grafana dashboard and Prometheus alert rules for the server into DIR.

    They use what the server reports at /metrics: requests, latency by version and arm, the release,
    alarms and quality. No project is needed. Files that you changed are not replaced.
    """
    from fullturn.verbs import dashboards as verb

    return answer(verb.dashboards(folder), as_json)


COMMANDS = (serve, release, monitor, dashboards)
