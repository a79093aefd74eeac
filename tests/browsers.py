"""One Chromium for all tests of a module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.needs import CHROMIUM, without
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOCAL = ("http://127.0.0.1", "file://", "data:", "blob:", "about:")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or without(CHROMIUM)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, without a window. Not for the session: while it runs, asyncio.run() fails."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


def opened_page(browser: Browser, **options: Any) -> Page:
    """A page that is as patient as the tests are."""
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE * 1000)
    return page


@contextmanager
def faultless_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page that fails the test if a script of it fails or it asks for a far address."""
    page, wrong = opened_page(browser, **options), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else wrong.append(r.url))
    yield page
    page.close()
    assert not wrong
