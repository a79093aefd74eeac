"""The stage, its routes and recordings, with panels made for these tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fullturn.core.errors import UsageError
from fullturn.lesson.panels import catalog, events
from fullturn.lesson.panels.events import Emit, Options
from fullturn.lesson.panels.stage import Stage
from fullturn.verbs.workspace import Workspace
from tests.lesson.events import followed
from tests.lesson.page import serving
from tests.projects import copied

GO_ON = threading.Event()


def waits(stage: Stage, options: Options, emit: Emit) -> None:
    emit(events.say("waiting"))
    assert GO_ON.wait(20)
    emit(events.outcome("PASSED", "waited"))


def repeats(stage: Stage, options: Options, emit: Emit) -> None:
    emit(events.outcome("ANSWERED", options.get("question", "nothing")))


def refuses(stage: Stage, options: Options, emit: Emit) -> None:
    raise UsageError("the candidate is called 'x'; call it otherwise")


def breaks(stage: Stage, options: Options, emit: Emit) -> None:
    raise ZeroDivisionError("1/0")


PANELS = {"waits": waits, "repeats": repeats, "refuses": refuses, "breaks": breaks}


@pytest.fixture
def stage(tmp_path: Path, committed_once: Path) -> Iterator[Stage]:
    GO_ON.clear()
    with Stage(Workspace.open(copied(committed_once, tmp_path / "project")), dict(PANELS)) as stage:
        yield stage
        GO_ON.set()


@pytest.fixture
def address(stage: Stage) -> Iterator[str]:
    with serving(stage) as address:
        yield address


def test_events_come_over_http_with_their_times(address: str) -> None:
    told = followed(address, "repeats", {"question": "why?"})
    assert [event["type"] for event in told] == ["outcome", "done"]
    assert told[0]["text"] == "why?" and 0 <= told[0]["at"] <= told[1]["at"]


def test_one_panel_at_a_time_and_the_answer_says_which(address: str) -> None:
    first = httpx.post(f"{address}/panels/waits", json={})
    assert first.status_code == 202
    refused = httpx.post(f"{address}/panels/repeats", json={})
    assert refused.status_code == 409
    assert refused.json()["error"].startswith("busy: waits has been running")
    status = httpx.get(f"{address}/panels/status").json()
    assert status == {"running": "waits", "performance": first.json()["performance"]}
    GO_ON.set()
    told = list(followed(address, "waits", performance=status["performance"]))
    assert told[-2]["word"] == "PASSED"
    assert httpx.get(f"{address}/panels/status").json()["running"] is None
    assert followed(address, "repeats")[0]["type"] == "outcome"


def test_an_error_is_told_in_the_program_s_words(address: str) -> None:
    told = followed(address, "refuses")
    assert told[0]["type"] == "error"
    assert told[0]["text"] == "the candidate is called 'x'; call it otherwise"
    assert told[-1]["type"] == "done"


def test_an_error_that_nobody_foresaw_ends_the_panel_too(address: str) -> None:
    assert followed(address, "breaks")[0]["text"] == "ZeroDivisionError: 1/0"
    assert followed(address, "repeats")[0]["type"] == "outcome"


def test_a_browser_that_lost_the_connection_gets_the_rest(address: str) -> None:
    number = httpx.post(f"{address}/panels/repeats", json={}).json()["performance"]
    assert len(followed(address, "repeats", performance=number)) == 2
    rest = followed(address, "repeats", performance=number, after=0)
    assert [event["type"] for event in rest] == ["done"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "elsewhere.example"}, 400),
        ({"host": "elsewhere.example", "origin": "http://elsewhere.example"}, 400),
    ],
)
def test_a_page_from_elsewhere_starts_nothing(
    address: str, headers: dict[str, str], status: int
) -> None:
    refused = httpx.post(f"{address}/panels/repeats", json={}, headers=headers)
    assert refused.status_code == status
    assert httpx.get(f"{address}/panels/repeats/events?performance=1").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [("[]", 422), ("{", 422), ('{"a": 1}', 422), (json.dumps({"a": "x" * 5000}), 422)],
)
def test_options_that_are_none_are_refused(address: str, body: str, status: int) -> None:
    assert httpx.post(f"{address}/panels/repeats", content=body).status_code == status


def test_unknown_panels_performances_and_files_are_not_found(address: str) -> None:
    assert httpx.post(f"{address}/panels/other", json={}).status_code == 404
    assert httpx.get(f"{address}/panels/waits/events?performance=7").status_code == 404
    assert httpx.get(f"{address}/panels/waits/events").status_code == 422
    assert httpx.get(f"{address}/panels/static/stage.py").status_code == 404
    assert httpx.get(f"{address}/panels/static/panels.js").status_code == 200


def test_a_stage_that_closes_stops_who_performs(stage: Stage) -> None:
    def endless(stage: Stage, options: Options, emit: Emit) -> None:
        while not GO_ON.wait(0.01):
            emit(events.say("on and on"))

    stage.panels["endless"] = endless  # type: ignore[index]
    performance = stage.start("endless", {})
    stage.close()
    assert performance.over
    assert performance.events[-2] == {**performance.events[-2], "type": "error"}


def test_a_recording_is_thinned_until_it_is_small_enough() -> None:
    curve = [events.point("p", "s", n, n) | {"at": n / 10} for n in range(20_000)]
    told = [*curve, events.outcome("PASSED", "all") | {"at": 2000.0}, events.done() | {"at": 2000}]
    text = events.recorded(told, "2026-11-24")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(text.encode()) <= events.LARGEST
    assert lines[0] == {"type": "recorded", "date": "2026-11-24", "at": 0.0}
    assert [line["type"] for line in lines[-2:]] == ["outcome", "done"]
    assert lines[-3]["x"] == 19_999 and 500 < len(lines) < 2000


def test_a_short_recording_is_kept_whole() -> None:
    told = [events.say("a") | {"at": 0.1}, events.done() | {"at": 0.2}]
    lines = [json.loads(line) for line in events.recorded(told, "2026-11-24").splitlines()]
    assert lines[1:] == told


@pytest.mark.parametrize("panel", catalog.PANELS)
def test_every_panel_comes_with_a_recording_of_a_run_that_worked(panel: str) -> None:
    told = events.replays()[panel]
    assert told[0]["type"] == "recorded" and told[-1]["type"] == "done"
    assert [event["at"] for event in told] == sorted(event["at"] for event in told)
    assert any(event["type"] == "outcome" for event in told)
    assert not any(event["type"] == "error" for event in told)
    size = (events.RECORDED / f"{panel}.jsonl").stat().st_size
    assert size <= events.LARGEST
