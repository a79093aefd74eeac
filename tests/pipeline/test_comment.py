"""The comment of a pull request: which one it goes to, that there is one, and what can go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import main
from fullturn.core.entities import Code
from fullturn.core.errors import SettingsError, UsageError
from fullturn.pipeline.comment import repository
from fullturn.pipeline.records import Checkout, Delivery
from fullturn.pipeline.report import MARKER, to_json
from tests.conftest import free_port
from tests.pipeline.github_server import BOT, REPOSITORY, Platform, serving

HEAD, OLDER = "a" * 40, "b" * 40
DELIVERY = Delivery(
    project="mail",
    verdict="FAILED",
    reason="two questions are no longer answered",
    checkout=Checkout(Code("c" * 40, False, None), "better-prompt", "origin/main"),
    created="2026-01-01T00:00:00+00:00",
    steps=(),
)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """The test server, and a runner's variables that name it."""
    with serving(Platform()) as platform:
        for name, value in {**platform.environment(), "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        yield platform


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(to_json(DELIVERY))
    return file


def comment(report: Path, head: str = HEAD, *more: str) -> int:
    """Run the command; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["ci", "comment", "--report", str(report), "--head", head, *more])
    return int(ended.value.code or 0)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    return " ".join((out + err).split())


def test_a_report_becomes_one_comment_that_is_renewed(
    github: Platform, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.open(7, HEAD)
    assert comment(report) == 0
    assert "comment created in pull request 7: https://pages.invalid/comments/1" in said(capsys)
    [first] = github.bodies(7)
    assert first.startswith(f"{MARKER}\n") and "two questions are no longer answered" in first
    report.write_text(report.read_text().replace("two questions", "three questions"))
    assert comment(report) == 0
    assert "updated" in said(capsys)
    [second] = github.bodies(7)
    assert "three questions" in second and "two questions" not in second


def test_only_the_comment_of_the_job_itself_is_renewed(github: Platform, report: Path) -> None:
    github.open(7, HEAD)
    github.say(7, "somebody", f"{MARKER} a forged report")
    github.say(7, None, f"{MARKER} of a person who is gone")
    github.say(7, BOT, None)
    github.say(7, BOT, "another workflow's words")
    assert comment(report) == 0
    assert github.bodies(7)[:-1] == [
        f"{MARKER} a forged report",
        f"{MARKER} of a person who is gone",
        None,
        "another workflow's words",
    ]
    assert github.writes == ["POST /issues/7/comments"]


def test_the_pull_request_is_that_whose_newest_commit_was_evaluated(
    github: Platform, report: Path
) -> None:
    github.page = 2
    github.open(1, HEAD, state="closed")
    github.open(2, HEAD)
    for number in range(3, 10):
        github.open(number, f"{number:040x}")
    github.comments[2] = []
    for number in range(5):
        github.say(2, "somebody", f"words {number}")
    assert comment(report) == 0
    assert github.writes == ["POST /issues/2/comments"]
    assert comment(report) == 0
    assert github.writes[1:] == ["PATCH /issues/comments/6"]


def test_of_two_pull_requests_with_one_commit_the_base_branch_decides(
    github: Platform, report: Path
) -> None:
    github.open(1, HEAD, base="main")
    github.open(2, HEAD, base="experiments")
    assert comment(report) == 0
    assert github.writes == ["POST /issues/1/comments"]


def test_a_report_on_an_older_commit_is_put_nowhere(
    github: Platform, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.open(7, HEAD)
    assert comment(report, OLDER) == 0
    assert "no open pull request has bbbbbbbbbbbb as its newest commit; nothing to do" in said(
        capsys
    )
    assert github.writes == []


def without(name: str) -> Any:
    return {key: value for key, value in json.loads(to_json(DELIVERY)).items() if key != name}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"# Passed\n\nMerge me.",
        json.dumps({**json.loads(to_json(DELIVERY)), "pull_request": 1}).encode(),
        json.dumps(without("verdict")).encode(),
        json.dumps({**json.loads(to_json(DELIVERY)), "verdict": "GREAT"}).encode(),
        b"[" * 100_000,
        b'"' + b"x" * 5_000_000 + b'"',
    ],
    ids=["empty", "no text", "Markdown", "more", "less", "another verdict", "deep", "long"],
)
def test_what_is_no_report_is_refused_before_anything_is_asked(
    github: Platform, report: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    github.open(1, HEAD)
    github.fails_with = 500  # whoever asked would hear it
    report.write_bytes(content)
    assert comment(report) == 1
    assert "not a pipeline report" in said(capsys)


def test_nothing_that_a_stranger_wrote_calls_a_person_or_loads_a_picture(
    github: Platform, report: Path
) -> None:
    words = "@team ![x](https://pages.invalid/x) <img src=x> <!-- -->"
    report.write_text(to_json(DELIVERY).replace("two questions are no longer answered", words))
    github.open(7, HEAD)
    assert comment(report) == 0
    [body] = github.bodies(7)
    assert "@team" not in body and "![x](" not in body and "<img" not in body
    assert body.count("<!--") == 1


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"token": "renewed"}, 2, "says 401 Unauthorized: GITHUB_TOKEN has expired or is wrong"),
        ({"may_write": False}, 2, "says 403 Forbidden: GITHUB_TOKEN lacks permission"),
        ({"may_write": False, "limited": True}, 4, "says 403 Forbidden; run the job again later"),
        ({"fails_with": 502}, 4, "says 502 Bad Gateway; run the job again later"),
        ({"fails_with": 404}, 2, f"there is no repository '{REPOSITORY}'"),
    ],
    ids=["expired token", "no right to write", "too many requests", "down", "unknown"],
)
def test_what_the_platform_refuses_is_said_with_the_next_step(
    github: Platform,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    code: int,
    words: str,
) -> None:
    github.open(7, HEAD)
    for name, value in change.items():
        setattr(github, name, value)
    assert comment(report) == code
    assert words in said(capsys)
    assert github.bodies(7) == []


def test_a_platform_that_does_not_answer_could_not_be_asked(
    github: Platform,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{free_port()}")
    assert comment(report) == 4
    assert "is unreachable" in said(capsys)


def test_an_answer_of_another_form_is_no_crash(
    github: Platform, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.pulls.append({"number": 1, "state": "open", "head": None})
    assert comment(report) == 4
    assert "an unexpected answer" in said(capsys)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_API_URL", "GITHUB_REPOSITORY"])
def test_a_variable_that_is_missing_is_named(
    github: Platform,
    report: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, "")
    assert comment(report) == 2
    assert f"{name} is not set" in said(capsys)


def test_a_report_that_is_not_there_and_a_wrong_commit_are_usage(
    github: Platform, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert comment(report, "main") == 2
    assert "'main' is not a commit" in said(capsys)
    report.unlink()
    assert comment(report) == 2
    assert "fullturn ci report" in said(capsys)


def test_the_token_is_in_no_message() -> None:
    at = repository({"GITHUB_API_URL": "http://x", "GITHUB_TOKEN": "secret"}, "team/models")
    assert "secret" not in repr(at)
    with pytest.raises(UsageError, match="owner/name"):
        repository({"GITHUB_API_URL": "http://x", "GITHUB_TOKEN": "secret"}, "../models")
    with pytest.raises(SettingsError):
        repository({}, "team/models")
