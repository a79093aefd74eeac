"""Every panel does the real thing, on a project of the lesson, over HTTP and in a browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fullturn.core.errors import CouldNotEvaluate
from fullturn.lesson.panels import alarm, events, rollback
from fullturn.lesson.panels import stage as stages
from fullturn.lesson.panels.catalog import PANELS, lesson_stage
from fullturn.lesson.panels.preparing import prepared
from fullturn.lesson.panels.stage import Stage
from fullturn.registry import promotion
from fullturn.release import state
from fullturn.verbs.history import history
from fullturn.verbs.promote import promote
from fullturn.verbs.workspace import newest
from tests.browsers import opened_page
from tests.lesson.events import followed
from tests.lesson.page import serving
from tests.waiting import PATIENCE, is_alive, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
OnLook = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(lesson: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lesson's project, whose releases decide with fewer answers than in a talk."""
    folder = lesson(tmp_path_factory.mktemp("lesson") / "project")
    text = (folder / "fullturn.toml").read_text()
    wide = "margin = 0.3\nshadow_requests = 60\n"
    sooner = text.replace("margin = 0.1\nshadow_requests = 150\n", wide)
    sooner = sooner.replace("deadline_minutes = 5.0", "deadline_minutes = 60.0")
    assert wide in sooner and "60.0" in sooner
    (folder / "fullturn.toml").write_text(sooner)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _patient() -> Iterator[None]:
    """Panels that a busy machine may delay, and that show less traffic than in a talk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "LONGEST", 10 * PATIENCE)
        patch.setattr(rollback, "PATIENCE", PATIENCE)
        for name in ("BEFORE", "AFTER"):
            patch.setattr(rollback, name, 1.0)
        patch.setattr(alarm, "CALM", 150)
        patch.setattr(alarm, "AFTER", 20)
        yield


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[Stage]:
    project = prepared(folder)
    assert project is not None
    with lesson_stage(project) as stage:
        stage.warm()
        yield stage
        pid = stage.server.pid
    assert pid is None or not is_alive(pid)


@pytest.fixture(scope="module")
def address(stage: Stage) -> Iterator[str]:
    with serving(stage) as address:
        yield address


def outcome(told: OnLook) -> dict[str, Any]:
    errors = [event["text"] for event in told if event["type"] == "error"]
    assert not errors, errors
    assert told[-1]["type"] == "done"
    return next(event for event in told if event["type"] == "outcome")


def table(told: OnLook, name: str) -> list[list[str]]:
    """The rows of a table as they stood at the end."""
    found: list[list[str]] = next(
        event["rows"]
        for event in reversed(told)
        if event["type"] == "table" and event["id"] == name
    )
    return found


def test_a_folder_that_was_not_prepared_to_the_end_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    assert prepared(tmp_path) is None
    assert prepared(tmp_path / "nothing") is None


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_behind_when_the_lesson_is_killed(
    folder: Path, end: signal.Signals
) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from fullturn.lesson.panels.catalog import lesson_stage\n"
        "from fullturn.lesson.panels.preparing import prepared\n"
        "with lesson_stage(prepared(Path(sys.argv[1]))) as stage:\n"
        "    with stage.audience() as audience:\n"
        "        print(stage.server.pid, audience._process.pid, flush=True)\n"
        "        time.sleep(600)\n"
    )
    lesson = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert lesson.stdout is not None
        children = [int(word) for word in lesson.stdout.readline().split()]
        assert len(children) == 2 and all(map(is_alive, children))
    finally:
        os.kill(lesson.pid, end)
        lesson.communicate(timeout=PATIENCE)
    wait_until("the end of its processes", lambda: not any(map(is_alive, children)))


def test_a_server_that_cannot_start_says_why(folder: Path, stage: Stage, address: str) -> None:
    assert outcome(followed(address, "ask"))["word"] == "ANSWERED"  # the first one is up
    project = prepared(folder)
    assert project is not None
    with (
        lesson_stage(project) as second,
        pytest.raises(CouldNotEvaluate, match="a server of this project"),
    ):
        second.server.address()


def test_rollback_says_what_to_do_when_there_is_nothing_to_go_back_to(address: str) -> None:
    ended = outcome(followed(address, "rollback"))
    assert ended["word"] == "NOTHING TO DO" and "canary" in ended["text"]


def test_search_races_candidates_that_were_not_tried(stage: Stage, address: str) -> None:
    before = {run.id for run in stage.project.store.runs("train")}
    told = followed(address, "search")
    assert outcome(told)["word"] == "3 RUNS"
    fresh = [run for run in stage.project.store.runs("train") if run.id not in before]
    assert len(fresh) == 3 and len({str(sorted(run.params.items())) for run in fresh}) == 3
    rows = table(told, "runs")
    assert [row[0] for row in rows] == ["best", "1", "2", "3"]
    assert all(row[5] in ("finished", "stopped early") for row in rows[1:])
    assert sum("low" in event for event in told) == 4


def test_compare_shows_two_runs_that_differ(address: str) -> None:
    told = followed(address, "compare")
    assert outcome(told)["word"] in ("INCONCLUSIVE", "A IS BETTER", "B IS BETTER")
    assert len(table(told, "parameters")) > 1
    assert len(table(told, "metrics")) == sum("low" in event for event in told)


def test_compare_takes_the_runs_that_are_named(stage: Stage, address: str) -> None:
    runs = {run.name: run.id for run in stage.project.store.runs("train")}
    chosen = {"a": runs["fewer passages"], "b": runs["learned search, quoting"]}
    assert table(followed(address, "compare", chosen), "parameters")[0] == [
        *("run", "fewer passages", "learned search, quoting")
    ]
    same = followed(address, "compare", {"a": chosen["a"], "b": chosen["a"]})
    assert same[0]["type"] == "error" and "fewer passages" in same[0]["text"]


def test_the_gate_blocks_the_careless_candidate(stage: Stage, address: str) -> None:
    before = len(stage.project.store.versions(stage.project.store.name))
    told = followed(address, "gate")
    assert outcome(told)["word"] == "FAILED"
    assert any(row[0] == "✗ failed" for row in table(told, "checks"))
    assert table(told, "questions")
    assert "not registered" in outcome(told)["text"]
    assert len(stage.project.store.versions(stage.project.store.name)) == before


def test_canary_ends_as_the_evidence_says(stage: Stage, address: str) -> None:
    told = followed(address, "canary")
    ended = state.releases(stage.project.store)[0]
    words = {"promote": "PROMOTED", "roll back": "ROLLED BACK"}
    assert ended.ending and outcome(told)["word"] == words[ended.ending]
    limits = {event["label"]: event["y"] for event in told if event["type"] == "line"}
    assert limits == {"roll back": 60.0, "shown": 20.0}
    plotted = {event["series"] for event in told if event["type"] == "point"}
    assert plotted >= {"errors", "slow", "loss"}
    champion = promotion.champion(stage.project.store)
    assert (champion == ended.version) == (ended.ending == "promote")


def test_rollback_fails_no_request(stage: Stage, address: str) -> None:
    store = stage.project.store
    if len(history(stage.project)) == 1:  # the release ended with a rollback
        newest_version = store.versions(store.name)[-1].version
        promote(stage.project, str(newest_version), "so that there is something to go back to")
    told = followed(address, "rollback")
    assert outcome(told)["word"] == "PASSED" and outcome(told)["text"].startswith("0 of ")
    assert promotion.champion(store) == 1
    assert history(stage.project)[-1].action == "rollback"
    served = [event["y"] for event in told if event.get("series") == "version"]
    assert served[0] != 1 and served[-1] == 1
    assert outcome(followed(address, "rollback"))["word"] == "NOTHING TO DO"


def test_new_subjects_raise_the_alarm_each_time(address: str) -> None:
    for _ in range(2):
        told = followed(address, "alarm")
        assert outcome(told)["word"] == "ALARM"
        assert "shift" in outcome(told)["text"]
        limit = next(event["y"] for event in told if event["type"] == "line")
        assert max(event["y"] for event in told if event["type"] == "point") >= limit


def test_a_question_from_the_room_leads_to_its_origin(stage: Stage, address: str) -> None:
    told = followed(address, "ask", {"question": "What is a canary release?"})
    assert outcome(told)["word"] == "ANSWERED"
    lineage = {row[0]: row[1] for row in table(told, "lineage")}
    data = newest(stage.project)
    assert data is not None and data.digest[:12] in lineage["data"]
    assert lineage["gate"].endswith("PASSED")
    assert outcome(followed(address, "ask", {"question": "a recipe for pancakes?"}))["word"] == (
        "DECLINED"
    )
    long = followed(address, "ask", {"question": "why? " * 100})
    assert long[0]["type"] == "error" and "at most 300" in long[0]["text"]


def test_a_release_and_data_that_were_left_half_done_are_put_right(
    stage: Stage, address: str
) -> None:
    from fullturn.demo.example import broken_copy
    from fullturn.lesson.panels.preparing import BROKEN_DATA
    from fullturn.verbs.data import commit

    whole = newest(stage.project)
    commit(stage.project, broken_copy(stage.project), BROKEN_DATA, confirm_fewer_rows=True)
    told = followed(address, "ask")
    assert "restored" in told[0]["text"]
    restored = newest(stage.project)
    assert whole is not None and restored is not None and restored.digest == whole.digest


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    page = opened_page(browser, viewport={"width": 1280, "height": 720})
    yield page
    page.close()


def test_a_panel_is_started_from_the_keyboard_and_shows_its_outcome(
    stage: Stage, browser_page: Page, tmp_path: Path
) -> None:
    faults: list[str] = []
    browser_page.on("pageerror", lambda error: faults.append(str(error)))
    browser_page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    with serving(stage) as address:
        browser_page.goto(address)
        panel = browser_page.locator("[data-panel=ask]")
        panel.locator("input").fill("How do we roll back a model?")
        browser_page.keyboard.press("Enter")
        panel.locator(".panel-badge:text('ANSWERED')").wait_for()
        assert panel.locator(".panel-source").inner_text() == "LIVE"
        assert "back to a version" in panel.locator("table").first.inner_text()
        other = browser_page.locator("[data-panel=compare]")
        other.locator(".panel-start").focus()
        browser_page.keyboard.press("Space")
        other.locator("svg circle").first.wait_for()
    assert not faults


def test_the_recording_plays_when_the_server_is_gone(stage: Stage, browser_page: Page) -> None:
    with serving(stage) as address:
        browser_page.goto(address)
        browser_page.locator("[data-panel=gate] .panel-replay").wait_for()
    panel = browser_page.locator("[data-panel=gate]")
    panel.locator(".panel-start").click()
    panel.locator(".panel-badge:text('ERROR')").wait_for()
    panel.locator(".panel-replay").click()
    assert panel.locator(".panel-source").inner_text().startswith("REPLAY of a real run of ")
    panel.locator(".panel-end").click()
    word = next(e["word"] for e in events.replays()["gate"] if e["type"] == "outcome")
    assert panel.locator(".panel-badge").inner_text() == word
    assert panel.locator("table").count() == 2


@pytest.mark.parametrize("name", PANELS)
def test_no_text_of_a_panel_runs_over_its_edge(stage: Stage, browser_page: Page, name: str) -> None:
    with serving(stage) as address:
        browser_page.goto(f"{address}?only={name}")
        panel = browser_page.locator(".panel")
        panel.locator(".panel-replay").click()
        # A short one may be over before a mouse could get there.
        panel.evaluate("node => node.querySelector('.panel-end').click()")
        wide = panel.evaluate(
            "node => [...node.querySelectorAll(':not(svg *)')].filter(one =>"
            " one.scrollWidth > one.clientWidth + 1 && one.clientWidth).map(one => one.className)"
        )
        hidden = panel.evaluate(
            "node => [...node.querySelectorAll('.panel-main, .panel-verdict, .panel-bar')]"
            ".filter(one => one.scrollHeight > one.clientHeight + 2).map(one => one.className)"
        )
    assert not wide and not hidden
