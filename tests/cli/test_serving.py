"""What `serve`, `release` and `monitor` print; a reader that hangs does not block the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import fullturn.verbs.release  # noqa: F401  it says how a look is shown
from fullturn.cli import serving
from fullturn.cli.output import show
from fullturn.cli.serving import ReleaseProgress
from fullturn.core.entities import Alarm, Diagnosis
from fullturn.monitoring.showing import LONGEST
from fullturn.release.records import Decision
from fullturn.release.state import Release
from fullturn.verbs.serve import Opened
from tests.cli.test_bad_inputs import csv_of, init, rows, run, use
from tests.release.traffic import in_canary, in_shadow, judged, shared
from tests.waiting import PATIENCE, wait_until


def test_a_reader_that_stops_reading_does_not_stop_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    reading = threading.Event()

    def stuck(text: str) -> None:
        reading.wait(PATIENCE)
        said.append(text)

    monkeypatch.setattr(serving, "say", stuck)
    lines = serving.BackgroundLines(as_json=False)
    log = logging.Logger("test")
    log.addHandler(lines)
    for number in range(2 * serving.WAITING):
        log.warning("serving version %d", number)
    assert said == []
    reading.set()
    wait_until("the lines that wait", lambda: len(said) >= serving.WAITING)
    assert "serving version 0" in said[0]
    assert serving.WAITING <= len(said) <= serving.WAITING + 1


@pytest.mark.parametrize("chats", [True, False])
def test_the_chat_route_is_listed_only_where_there_is_one(
    chats: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = Opened("shop", 3, "http://127.0.0.1:1", {"text": "hello"}, chats, asks_token=False)
    serving.show_server(opened)
    printed = capsys.readouterr().out
    assert ("/v1/chat/completions" in printed) == chats and "POST /predict" in printed


NOBODY = judged([])
RELEASE = cast(Release, None)
Say = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    def what(decisions: list[tuple[float, Decision]], **options: Any) -> str:
        now = [0.0]
        looks = ReleaseProgress(options.get("as_json", False), clock=lambda: now[0])
        for second, decision in decisions:
            now[0] = second
            looks(RELEASE, decision)
        return " ".join(capsys.readouterr().out.split())

    return what


def test_a_version_that_is_not_there_gets_no_forecast(
    tmp_path: Path, empty_database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, csv_of(rows(30))) == 0
    use(tmp_path / "project", empty_database)
    capsys.readouterr()
    assert run("-C", str(tmp_path / "project"), "release", "99") == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "no model version '99'" in printed.err


def test_the_requests_are_counted_once(said: Say) -> None:
    few = judged(in_shadow(shared(0.0), 106, 1))
    assert "106 of 200 requests; " in said([(0, few)])
    assert said([(0, few)]).count("106") <= 3  # and as pairs of both guardrails
    enough = judged(in_canary(0.03, 0.03, 300, 2), "canary")
    assert "300 requests; errors: non-inferiority not shown yet (margin" in said([(0, enough)])


def test_silence_is_said_after_half_a_minute_and_then_each_minute(said: Say) -> None:
    waiting = [(float(second), NOBODY) for second in range(160)]
    printed = said(waiting)
    assert [word in printed for word in ("for 29 s", "for 30 s", "for 90 s", "for 150 s")] == [
        False, True, True, True,
    ]  # fmt: skip
    assert printed.count("no requests") == 3 and "is `fullturn serve` running" in printed
    assert printed.startswith("shadow answers copies of live requests")


def test_requests_that_come_are_no_silence(said: Say) -> None:
    busy = [(20.0 * n, replace(NOBODY, requests=n)) for n in range(10)]
    assert "no request" not in said(busy)
    assert said([*busy, (211.0, busy[-1][1])]).count("no requests for 31 s") == 1


def test_in_canary_both_arms_must_be_asked(said: Say) -> None:
    nobody = judged([], "canary")
    assert "canary: no requests in both arms for 30 s" in said([(0, nobody), (30, nobody)])


def test_a_program_is_not_told_of_silence(said: Say) -> None:
    assert said([(0, NOBODY), (100, NOBODY)], as_json=True) == ""


def test_the_action_and_its_reason_are_separate_and_evidence_is_in_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(judged(in_shadow(shared(0.0), 400, 3)))
    printed = capsys.readouterr().out
    assert "advance: not worse by 5.00 points or more" in " ".join(printed.split())
    assert "shown" in printed and " no " in printed and "left to the canary" in printed
    show(judged(in_shadow(shared(0.0, 1.0), 100, 4)))
    printed = capsys.readouterr().out
    assert "roll back: worse on errors: failed answers 100 %" in " ".join(printed.split())
    assert "0 of 20" in printed and "e+" not in " ".join(printed.split())
    assert " 0 " in printed and " - " in printed  # no pair with a label: no figures of them


def alarm(detector: str, text: str) -> Alarm:
    found = Diagnosis(
        "unclear",
        "few labels",
        words=("invoice", "tax"),
        examples=({"id": "p1", "input": {"note": text}, "output": {}},),
    )
    return Alarm(detector, 3, 4000, 1, 3229, 2e5, 1e5, 3900, found)


def test_an_alarm_says_what_its_detector_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show(alarm("quality", "short"))
    said = capsys.readouterr().out
    assert "alarm of quality after 3,229 labelled answers: unclear" in said
    assert "words that became more frequent: invoice, tax" in said
    assert "for example: short\n" in said


def test_an_example_of_a_table_begins_with_the_column_of_its_alarm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = alarm("input.city", "")
    cells = {"age": 30.123456789, "city": "Tokyo", "income": None}
    example = {"id": "p1", "input": cells, "output": {}}
    show(replace(found, diagnosis=replace(found.diagnosis, examples=(example,))))
    assert "for example: city=Tokyo, age=30.1235\n" in capsys.readouterr().out


def test_a_long_example_is_cut_where_one_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    show(alarm("input.note", "a [b] " + "word\n" * 40))
    [line] = [one for one in capsys.readouterr().out.splitlines() if "for example" in one]
    text = line.split(": ")[1]
    assert text.startswith("a [b] word word") and text.endswith("…")
    assert len(text) == LONGEST
