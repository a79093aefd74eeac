"""Export the deck as files and as a PDF printed by a browser."""

from __future__ import annotations

import re
import shutil
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate, UsageError
from fullturn.lesson.deck import PAGE, Deck

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
