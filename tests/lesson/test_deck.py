"""The deck in a real browser: every slide, at both sizes, on paper and from disk."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from fullturn.core.errors import MissingFigure, UsageError
from fullturn.lesson.deck import Deck
from fullturn.lesson.figures import benchmark_results
from fullturn.lesson.panels.catalog import lesson_stage
from fullturn.lesson.panels.routes import routes
from fullturn.lesson.publishing import application, save
from fullturn.verbs.workspace import Workspace
from tests.browsers import faultless_page
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.slow
SIZES = [(1280, 720), (1920, 1080)]
OVERFLOWS = Path(__file__).with_name("overflows.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project(lesson: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A lesson's project."""
    return Workspace.open(lesson(tmp_path_factory.mktemp("deck") / "lesson"))


@pytest.fixture(scope="module")
def deck(project: Workspace) -> Deck:
    return Deck(project)


@pytest.fixture(scope="module")
def address(deck: Deck) -> Iterator[str]:
    with socket.socket() as listening, lesson_stage(deck.project) as stage:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(application(deck, routes(stage)), log_level="error")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if a script of it complains or it asks for a far address."""
    said, failed = list[str](), list[str]()
    with faultless_page(browser, viewport={"width": 1280, "height": 720}) as opened:
        complaints = ("error", "warning")
        opened.on("console", lambda m: said.append(m.text) if m.type in complaints else None)
        opened.on("requestfailed", lambda r: failed.append(r.url) if broken(r) else None)
        yield opened
    assert not said and not failed


def broken(request: Request) -> bool:
    """Whether a request failed, but for the stream of a panel that the panel closes at its end."""
    stream = "/panels/" in request.url and "/events" in request.url
    return not (stream and request.failure == "net::ERR_ABORTED")


def present(project: Workspace, *options: str) -> subprocess.CompletedProcess[str]:
    """`fullturn present` on this project, as a person types it."""
    command = [sys.executable, "-m", "fullturn", "present", str(project.root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def ready(page: Page, address: str) -> int:
    """Open the deck; how many slides it has."""
    page.goto(address)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    return int(page.evaluate("Reveal.getTotalSlides()"))


def turned(page: Page, number: int) -> None:
    """Turn to a slide, with all its fragments."""
    page.evaluate("n => { Reveal.slide(n, 0, 99); return document.fonts.ready; }", number)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_text_overflows_its_slide_or_its_box(
    page: Page, address: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    found = []
    for number in range(ready(page, address)):
        turned(page, number)
        found += [f"slide {number + 1}: {each}" for each in page.evaluate(OVERFLOWS)]
        for tab in page.locator("section.present [role=tab]").all()[1:]:
            tab.click()
            found += [f"slide {number + 1}, tab: {each}" for each in page.evaluate(OVERFLOWS)]
    assert found == []


def test_the_check_of_overflows_sees_planted_ones(page: Page, address: str) -> None:
    ready(page, address)
    turned(page, 2)
    page.evaluate("document.querySelector('.present .main').prepend('wide '.repeat(400))")
    assert page.evaluate(OVERFLOWS)
    turned(page, 1)
    page.evaluate("document.querySelector('.present g.box text').textContent = 'w'.repeat(60)")
    assert any("box" in each for each in page.evaluate(OVERFLOWS))


def test_letters_are_large_enough_for_the_last_row(page: Page, address: str) -> None:
    """Text of the slides' own: 28 pixels of 720, labels of drawings 20."""
    small = """() => [...document.querySelectorAll('.present .main *')].filter((e) =>
        !e.closest('.panel, .tabs') && [...e.childNodes].some((n) => n.nodeType === 3
        && n.data.trim()) && parseFloat(getComputedStyle(e).fontSize) < (e.closest('svg, .said')
        ? 20 : 28)).map((e) => e.textContent.slice(0, 40))"""
    for number in range(ready(page, address)):
        turned(page, number)
        assert page.evaluate(small) == [], number + 1


def test_every_figure_opens_the_box_of_its_source(page: Page, address: str) -> None:
    seen = 0
    for number in range(ready(page, address)):
        turned(page, number)
        for button in page.locator("section.present .fig:visible").all():
            button.click()
            told = page.locator("#figure-box").inner_text()
            assert re.search(r"run|benchmark|read", told), (number + 1, told)
            assert "cite" in (button.get_attribute("class") or "") or "reproduce" in told
            page.keyboard.press("Escape")
            assert page.locator("#figure-box").is_hidden()
            seen += 1
    assert seen > 25
    assert page.evaluate("Reveal.isOverview()") is False


def test_keys_open_a_figure_turn_slides_and_show_help(page: Page, address: str) -> None:
    ready(page, address)
    turned(page, 1)
    page.locator("section.present .fig").first.focus()
    page.keyboard.press("Enter")
    assert "python bench/turn.py --keep" in page.locator("#figure-box").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 2
    assert page.locator("#figure-box").is_hidden()
    page.keyboard.press("Shift+?")
    page.get_by_text("Keyboard Shortcuts").wait_for()


def test_a_check_shows_one_answer_with_each_key(page: Page, address: str) -> None:
    ready(page, address)
    page.evaluate("Reveal.slide(16, 0, -1)")
    answers = page.locator("section.present .answer.visible")
    assert answers.count() == 0
    page.keyboard.press("Space")
    assert answers.count() == 1


def test_every_slide_has_notes_and_the_speaker_view_paces_them(page: Page, address: str) -> None:
    count = ready(page, address)
    notes = page.locator(".reveal aside.notes")
    assert notes.count() == count
    paces = page.evaluate(
        "[...document.querySelectorAll('section')].map((s) => Number(s.dataset.timing))"
    )
    assert sum(paces) == 25 * 60 == page.evaluate("Reveal.getConfig().totalTime")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    view = popup.value
    view.get_by_text("how long would it take").wait_for()
    view.close()


def test_drawings_are_told_to_those_who_do_not_see_them(page: Page, address: str) -> None:
    ready(page, address)
    drawings = page.locator("svg.drawing")
    assert drawings.count() >= 10
    for drawing in drawings.all():
        assert drawing.get_attribute("role") == "img"
        title, about = (drawing.locator(tag).first.text_content() for tag in ("title", "desc"))
        assert title and about and len(about) > 20


def test_a_panel_at_work_takes_the_room_of_the_slide(page: Page, address: str) -> None:
    ready(page, address)
    turned(page, 7)
    assert page.locator("section.present .still").is_visible()
    page.locator("section.present input").fill("What is a canary release?")
    page.keyboard.press("Enter")
    panel = page.locator("section.present .panel")
    panel.locator(".panel-badge", has_text="ANSWERED").wait_for()
    assert page.locator("section.present .still").is_hidden()
    assert page.evaluate(OVERFLOWS) == []
    assert page.evaluate("Reveal.getIndices().h") == 7


def test_a_narrow_screen_reads_it_as_one_page(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    page.get_by_role("heading", name="Now decide something").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("section .slide:visible").count() >= 14
    size = "parseFloat(getComputedStyle(document.querySelector('.turn span')).fontSize)"
    assert page.evaluate(size) >= 16
    page.locator(".fig").nth(3).click()
    assert page.locator("#figure-box").is_visible()


def test_the_copy_opens_from_disk(page: Page, deck: Deck, tmp_path: Path) -> None:
    written = save(deck, tmp_path / "copy")
    assert ready(page, written.as_uri()) == len(deck.slides())
    turned(page, 3)
    page.locator("section.present .fig").first.click()
    assert "bench/journal.py" in page.locator("#figure-box").inner_text()
    assert page.evaluate("document.fonts.check('28px \"Source Sans Pro\"')")
    save(deck, tmp_path / "copy")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="contains files"):
        save(deck, tmp_path / "other")


def test_every_panel_plays_its_recording_from_disk(page: Page, deck: Deck, tmp_path: Path) -> None:
    count, played = ready(page, save(deck, tmp_path / "copy").as_uri()), []
    for number in range(count):
        turned(page, number)
        for place in range(max(1, page.locator("section.present [role=tab]").count())):
            if page.locator("section.present [role=tab]").count():
                page.locator("section.present [role=tab]").nth(place).click()
            panel = page.locator("section.present .panel:visible")
            if not panel.count():
                continue
            panel.locator(".panel-start").click()
            panel.locator(".panel-end").evaluate("(button) => button.click()")
            assert "REPLAY of a real run of" in panel.locator(".panel-source").inner_text()
            assert panel.locator(".panel-badge").inner_text() not in ("", "ERROR")
            assert page.evaluate(OVERFLOWS) == []
            played.append(panel.get_attribute("data-panel"))
    assert len(played) == 7


@pytest.mark.parametrize(("options", "pages"), [((), 1), (("--notes",), 2)])
@pytest.mark.usefixtures("chromium")
def test_the_pdf_has_a_page_for_each_slide_and_for_its_notes(
    deck: Deck, tmp_path: Path, options: tuple[str, ...], pages: int
) -> None:
    written = tmp_path / "slides.pdf"
    ended = present(deck.project, "--pdf", str(written), *options, "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["pages"] == pages * len(deck.slides())
    assert written.read_bytes().startswith(b"%PDF")


def test_a_planted_missing_figure_fails_the_build(project: Workspace, tmp_path: Path) -> None:
    own = project.root / "slides"
    own.mkdir()
    planted = 'title: A\nsection: 1\nminutes: 1\n---\n{{ fig("serving.nothing") }}\n---\nSay: a.\n'
    (own / "99-planted.html").write_text(planted, encoding="utf-8")
    try:
        with pytest.raises(MissingFigure, match=re.escape("serving.nothing")):
            Deck(project).page()
        ended = present(project, "--html", str(tmp_path / "copy"))
        assert ended.returncode == 4
        assert "serving.nothing" in ended.stderr and "Traceback" not in ended.stderr
    finally:
        shutil.rmtree(own)


def test_without_a_kept_result_the_build_fails(project: Workspace, tmp_path: Path) -> None:
    assert benchmark_results()["turn"].series
    with pytest.raises(MissingFigure, match=r"turn\.seconds"):
        Deck(project, tmp_path).page()


def test_a_slide_that_does_not_render_is_named(project: Workspace) -> None:
    own = project.root / "slides"
    own.mkdir()
    broken = "title: A\nsection: 1\nminutes: 1\n---\n{% if %}\n---\nSay: a.\n"
    (own / "99-broken.html").write_text(broken, encoding="utf-8")
    try:
        with pytest.raises(UsageError, match="99-broken"):
            Deck(project).page()
    finally:
        shutil.rmtree(own)


def test_only_pages_of_this_machine_are_answered(address: str) -> None:
    answer = httpx.get(address, headers={"host": "elsewhere.example"}, trust_env=False)
    assert answer.status_code == 400
    here = httpx.get(address, trust_env=False)
    assert here.status_code == 200
    assert "default-src 'self'" in here.headers["content-security-policy"]


def test_a_port_that_is_taken_is_said(project: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = present(project, "--port", port)
    assert ended.returncode == 2
    assert port in ended.stderr and "Traceback" not in ended.stderr


def test_ctrl_c_ends_it_and_leaves_nothing_behind(project: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fullturn", "present", str(project.root), "--port", "0"]
    said, before = tmp_path / "said", servers(project.root)
    with said.open("wb") as out:
        process = subprocess.Popen([*command, "--json"], stdout=out)
    try:
        line = wait_until("the address", lambda: said.read_text().partition("\n")[0])
        address = json.loads(line)["address"]
        assert httpx.get(address, trust_env=False, timeout=PATIENCE).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert servers(project.root) == before


def servers(root: Path) -> set[Path]:
    """Servers that panels have started for this project."""
    return {path for path in Path("/proc").glob("[0-9]*/cmdline") if serves(path, root)}


def serves(path: Path, root: Path) -> bool:
    try:
        words = path.read_bytes().split(b"\0")
    except OSError:
        return False
    return b"fullturn.lesson.panels.server" in words and str(root).encode() in words


def test_nothing_of_the_machine_gets_into_the_deck(deck: Deck) -> None:
    text: Any = deck.page()
    assert str(deck.project.root) not in text
    assert socket.gethostname() not in text
