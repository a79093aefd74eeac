"""The documentation site: built, checked without a network, and opened in a browser."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.browsers import opened_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
PAGES = ("index", "handbook/07-gates", "commands", "lesson/tools", "walkthrough", "tutorial")
SOUND = {
    "index.html": '<a href="a/b.html#there">b</a> <a href="https://example.org">x</a>'
    '<img src="a/p.png" alt=""><link rel="stylesheet" href="s.css">',
    "a/b.html": '<h1 id="there">b</h1><a href="../index.html">home</a><a href="#there">up</a>',
    "a/p.png": "",
    "s.css": "p { background: url(a/p.png) }",
}
FAULTS = {
    "a page that is not there": ("a/b.html", '<a href="c.html">c</a>', "c.html, which is not"),
    "an anchor that is not there": ("index.html", '<a href="a/b.html#no">b</a>', "no such anchor"),
    "a picture that is not there": ("index.html", '<img src="q.png" alt="">', "q.png, which is"),
    "a way out of the site": ("index.html", '<a href="../secret.html">s</a>', "is not there"),
    "a script of another host": ("index.html", '<script src="//cdn.example/x.js"></script>', "cdn"),
    "a font of another host": ("s.css", "@import 'https://fonts.example/f.css';", "s.css loads"),
    "a picture set": ("index.html", '<img srcset="https://i.example/2.png 2x">', "loads https://i"),
}


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the link checker says of a folder."""
    command = [sys.executable, str(ROOT / "scripts" / "links.py"), str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_link_checker_lets_a_sound_site_pass_and_counts_other_hosts(tmp_path: Path) -> None:
    done = checked(written(tmp_path, SOUND))
    assert done.returncode == 0, done.stdout
    assert "0 faults; other hosts: example.org 1" in done.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_the_link_checker_sees(fault: str, tmp_path: Path) -> None:
    file, planted, said = FAULTS[fault]
    done = checked(written(tmp_path, SOUND | {file: SOUND[file] + planted}))
    assert done.returncode == 1
    assert said in done.stdout


def test_an_empty_site_does_not_pass(tmp_path: Path) -> None:
    assert checked(tmp_path).returncode == 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        check=False, cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    done = checked(site)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_site_has_every_chapter_and_every_page_of_the_lesson(site: Path) -> None:
    chapters = sorted((ROOT / "src/fullturn/demo/examples/assistant/handbook").glob("*.md"))
    assert len(chapters) == 17
    pages = [f"handbook/{chapter.stem}.html" for chapter in chapters]
    pages += [f"lesson/{page.stem}.html" for page in (ROOT / "docs" / "lesson").glob("*.md")]
    home = (site / "handbook/index.html").read_text(encoding="utf-8")
    for page in pages:
        assert (site / page).is_file()
    assert all(f'href="{chapter.stem}.html"' in home for chapter in chapters)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_open_without_an_error_a_foreign_request_or_a_page_too_wide(
    browser: Browser, address: str, width: int
) -> None:
    page = opened_page(browser, viewport={"width": width, "height": 844})
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto(f"{address}{name}.html", wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.close()
    assert not said
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_search_finds_a_word_of_the_handbook(browser: Browser, address: str) -> None:
    page = opened_page(browser)
    page.goto(f"{address}index.html", wait_until="networkidle")
    page.click(".md-search__input")
    page.get_by_text("Type to start searching").wait_for()
    page.locator(".md-search__input").press_sequentially("calibrate judge", delay=20)
    page.locator(".md-search-result__link").first.wait_for()
    found = page.locator(".md-search-result__link").evaluate_all("all => all.map(a => a.href)")
    page.close()
    assert any("/handbook/13-llm-quality" in link for link in found), found


def test_links_that_leave_the_documents_lead_to_what_stands_for_them() -> None:
    text = "[h](../src/fullturn/demo/examples/assistant/handbook/07-gates.md#a) [r](../README.md)"
    assert hooks().moved(text, "docs/design.md", "design.md") == (
        "[h](handbook/07-gates.md#a) [r](index.md)"
    )
    assert hooks().moved("[d](docs/x.md)", "README.md", "index.md") == "[d](docs/x.md)"
    assert hooks().moved("![g](docs/gate.png)", "README.md", "index.md") == "![g](gate.png)"


def test_a_warning_of_a_report_is_one_in_the_site() -> None:
    alert = hooks().GITHUB_ALERT.search("> text\n> > [!WARNING]\n> > Gate again.\n")
    assert alert and alert[1] == "> > " and alert[2] == "WARNING"


def hooks() -> ModuleType:
    """What the build adds, as a module."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "scripts" / "mkdocs_hooks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
