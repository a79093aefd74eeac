"""What `release` says while it looks, and that it checks before it promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import fullturn.verbs.release  # noqa: F401  it says how a look is shown
from fullturn.cli.output import show
from fullturn.cli.release import Looks
from fullturn.release.records import Decision
from fullturn.release.state import Release
from tests.cli.test_bad_inputs import csv_of, init, rows, run, use
from tests.release.traffic import in_canary, in_shadow, judged, shared

NOBODY = judged([])
RELEASE = cast(Release, None)
Say = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Say:
    def what(decisions: list[tuple[float, Decision]], **options: Any) -> str:
        now = [0.0]
        looks = Looks(options.get("as_json", False), clock=lambda: now[0])
        for time, decision in decisions:
            now[0] = time
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
    told = capsys.readouterr()
    assert told.out == "" and "no model version '99'" in told.err


def test_the_requests_are_counted_once(said: Say) -> None:
    few = judged(in_shadow(shared(0.0), 106, 1))
    assert "106 of 200 requests; " in said([(0, few)])
    assert said([(0, few)]).count("106") <= 3  # and as pairs of both guardrails
    enough = judged(in_canary(0.03, 0.03, 300, 2), "canary")
    assert "300 requests; errors: non-inferiority not shown yet (margin" in said([(0, enough)])


def test_silence_is_said_after_half_a_minute_and_then_each_minute(said: Say) -> None:
    waiting = [(float(second), NOBODY) for second in range(160)]
    told = said(waiting)
    assert [word in told for word in ("for 29 s", "for 30 s", "for 90 s", "for 150 s")] == [
        False, True, True, True,
    ]  # fmt: skip
    assert told.count("no requests") == 3 and "is `fullturn serve` running" in told
    assert told.startswith("shadow answers copies of live requests")


def test_requests_that_come_are_no_silence(said: Say) -> None:
    busy = [(20.0 * n, replace(NOBODY, requests=n)) for n in range(10)]
    assert "no request" not in said(busy)
    assert said([*busy, (211.0, busy[-1][1])]).count("no requests for 31 s") == 1


def test_in_canary_both_arms_must_be_asked(said: Say) -> None:
    nobody = judged([], "canary")
    assert "canary: no requests in both arms for 30 s" in said([(0, nobody), (30, nobody)])


def test_a_program_is_not_told_of_silence(said: Say) -> None:
    assert said([(0, NOBODY), (100, NOBODY)], as_json=True) == ""


def test_the_verb_and_its_reason_are_apart_and_evidence_is_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(judged(in_shadow(shared(0.0), 400, 3)))
    told = capsys.readouterr().out
    assert "advance: not worse by 5.00 points or more" in " ".join(told.split())
    assert "shown" in told and " no " in told and "left to the canary" in told
    show(judged(in_shadow(shared(0.0, 1.0), 100, 4)))
    told = capsys.readouterr().out
    assert "roll back: worse on errors: failed answers 100 %" in " ".join(told.split())
    assert "0 of 20" in told and "e+" not in " ".join(told.split())
    assert " 0 " in told and " - " in told  # no pair with a label: no figures of them
