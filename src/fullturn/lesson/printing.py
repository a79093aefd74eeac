"""The deck on paper: a browser prints the copy on disk."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate, UsageError
from fullturn.lesson.deck import Deck
from fullturn.lesson.saving import save

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
PATIENCE = 60_000
"""Milliseconds until the pages are laid out."""


def pdf(deck: Deck, path: Path, *, notes: bool = False) -> int:
    """Print one page for each slide, and with `notes` one more for what to say; returns how many.

    Raises:
        UsageError: playwright or a browser is missing, or the file cannot be written.
        CouldNotEvaluate: the browser did not do it.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UsageError(
            "a PDF needs playwright, which comes with the extra 'lesson'; "
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
                f"the browser did not print: {_first(error, browser)}"
            ) from error
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return len(_PAGE.findall(path.read_bytes()))


def _first(error: Exception, browser: str | None) -> str:
    lines = str(error).strip().splitlines()
    hint = "" if browser else f"; there is no {BROWSERS[0]} on the PATH"
    return f"{lines[0] if lines else error!r}{hint}"
