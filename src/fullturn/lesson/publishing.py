"""Publish the deck: serve it locally, export it as files, print it as a PDF."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.core.errors import CouldNotEvaluate, FullturnError, UsageError
from fullturn.lesson.deck import PAGE, Deck

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send


PACKAGE = "sphinx_revealjs"
NEEDED = (
    "dist/reset.css",
    "dist/reveal.css",
    "dist/reveal.js",
    "dist/theme/black-contrast.css",
    "dist/theme/fonts/source-sans-pro",
    "plugin/notes/notes.js",
    "LICENSE",
)
"""Files and folders that the deck loads, and their licence."""


def reveal() -> Path:
    """The folder of reveal.js; its package is located without importing it.

    Raises:
        UsageError: the extra is not installed, or the package lacks reveal.js.
    """
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        folder = Path(place) / "_static" / "revealjs"
        if all((folder / name).exists() for name in NEEDED):
            return folder
    raise UsageError(
        "the deck requires reveal.js from the extra 'lesson'; "
        "install it with: pip install 'fullturn[lesson]'"
    )


INDEX = "index.html"
_PANELS = Path(str(files("fullturn.lesson"))) / "panels" / "static"


def save(deck: Deck, folder: Path) -> Path:
    """Write the deck and all files it loads into a folder; returns the page's path.

    An existing copy of the deck is replaced.

    Raises:
        UsageError: the folder contains something else, or cannot be written.
    """
    page = deck.page()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not _ours(folder)):
        raise UsageError(
            f"{folder} contains files that are not a copy of the deck; choose another folder"
        )
    try:
        for name in NEEDED:
            _copy(reveal() / name, folder / "reveal" / name)
        for path in PAGE.glob("deck.*s"):
            _copy(path, folder / "deck" / path.name)
        for path in _PANELS.glob("*.*s"):
            _copy(path, folder / "panels" / "static" / path.name)
        (folder / INDEX).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    return folder / INDEX


def _ours(folder: Path) -> bool:
    return (folder / INDEX).is_file() and (folder / "reveal" / "dist").is_dir()


def _copy(of: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if of.is_dir():
        shutil.copytree(of, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(of, to)


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
PATIENCE = 60_000
"""Timeout for the page layout, in milliseconds."""


def pdf(deck: Deck, path: Path, *, notes: bool = False) -> int:
    """Print one page per slide, and with `notes` one more with its notes; returns the page count.

    Raises:
        UsageError: playwright or a browser is missing, or the file cannot be written.
        CouldNotEvaluate: the browser failed.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UsageError(
            "a PDF requires playwright from the extra 'lesson'; "
            "install it with: pip install 'fullturn[lesson]'"
        ) from None
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    query = "?view=print" + ("&showNotes=separate-page" if notes else "")
    with tempfile.TemporaryDirectory() as folder:
        page = save(deck, Path(folder) / "deck")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with sync_playwright() as play:
                opened = play.chromium.launch(executable_path=browser, args=FLAGS)
                tab = opened.new_page(viewport={"width": 1280, "height": 720})
                tab.goto(page.as_uri() + query)
                tab.wait_for_selector(".pdf-page", timeout=PATIENCE)
                tab.pdf(path=path, prefer_css_page_size=True, print_background=True)
                opened.close()
        except Error as error:
            raise CouldNotEvaluate(
                f"the browser could not print the deck: {_first(error, browser)}"
            ) from error
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return len(_PAGE.findall(path.read_bytes()))


def _first(error: Exception, browser: str | None) -> str:
    lines = str(error).strip().splitlines()
    hint = "" if browser else f"; {BROWSERS[0]} is not on the PATH"
    return f"{lines[0] if lines else error!r}{hint}"


HOST = "127.0.0.1"
HEADERS = {
    "content-security-policy": "default-src 'self' 'unsafe-inline' data: blob:",
    "cache-control": "no-cache",
}
"""The page may not load anything from other sites."""


def application(deck: Deck, panels: Sequence[BaseRoute] = ()) -> Starlette:
    """The deck, its files and the routes of the panels; local clients only."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(
        routes=[
            Route("/", _page(deck)),
            Mount("/reveal", StaticFiles(directory=reveal())),
            Mount("/deck", StaticFiles(directory=PAGE)),
            *panels,
        ],
        middleware=[hosts, Middleware(_SameOrigin)],
    )


class _SameOrigin:
    """Refuses requests from web pages of other origins: panels start processes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        from starlette.responses import PlainTextResponse

        from fullturn.serving.access import is_same_origin

        headers = dict(scope.get("headers", ()))
        origin, host = headers.get(b"origin"), headers.get(b"host", b"")
        if origin is None or is_same_origin(origin, host):
            await self._app(scope, receive, send)
        else:
            refused = PlainTextResponse("requests from pages of other origins are refused\n", 403)
            await refused(scope, receive, send)


def _page(deck: Deck) -> Callable[[Request], Response]:
    """Renders the page for every request, so that edited slides show after a reload."""
    from starlette.responses import HTMLResponse, PlainTextResponse

    def answer(request: Request) -> Response:
        try:
            return HTMLResponse(deck.page(), headers=HEADERS)
        except FullturnError as error:
            return PlainTextResponse(f"error: {error}\n", 500)

    return answer


def serve(app: Starlette, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `ready` is called with the address once the server listens.

    Raises:
        UsageError: the port is not available.
    """
    import socket

    import uvicorn

    from fullturn.core.errors import UsageError

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # early connections wait instead of being refused
        except OSError as error:
            raise UsageError(
                f"port {port} is not available ({error.strerror}); choose another"
            ) from error
        ready(f"http://{HOST}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        with suppress(KeyboardInterrupt):  # Ctrl-C stops the server
            uvicorn.Server(config).run(sockets=[listening])
