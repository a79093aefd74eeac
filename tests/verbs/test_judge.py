"""`fullturn judge`: files, streams, states, and the exit codes of its verdicts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import fullturn
from fullturn.cli import run
from fullturn.core.errors import CouldNotEvaluate, DataError, UsageError

GOOD, BAD = 0.03, 0.3


def pairs(number: int, rate: float, start: int = 0) -> Iterator[dict[str, Any]]:
    rng = random.Random(start)
    for n in range(start, start + number):
        yield {"id": f"r{n}", "champion": 0, "candidate": int(rng.random() < rate)}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("rows", "code", "action"),
    [
        (list(pairs(2000, 0.0)), 0, "promote"),
        (list(pairs(2000, BAD)), 1, "roll back"),
        (list(pairs(60, GOOD)), 3, "undecided"),
    ],
)
def test_the_exit_code_says_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[Any], code: int, action: str
) -> None:
    assert run(["judge", str(write(tmp_path / "pairs.csv", rows)), "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["action"] == action
    assert found["rows"] < 300  # decided before the end of the file


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 4, "no row came from"),
        ("id,champion,candidate\n", 4, "no row came from"),
        ("arm,outcome\ncanary,0\n", 4, "nothing to compare in 1 rows"),
        ("champion,candidate\n0,1\n", 2, "no column 'id'"),
        ("id,champion,candidate\na,0,7\n", 2, "pairs.csv:2: 'candidate' is '7', outside 0 to 1"),
    ],
)
def test_what_cannot_be_evaluated_has_a_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, said: str
) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    assert run(["judge", str(tmp_path / "pairs.csv"), "--json"]) == code
    assert said in json.loads(capsys.readouterr().out)["error"]


def test_standard_input_is_read_until_the_evidence_decides() -> None:
    """The writer never closes its end: only a decision ends the command."""
    program = [sys.executable, "-m", "fullturn", "judge", "-", "--json"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as judge:
        assert judge.stdin and judge.stdout
        lines = (json.dumps(row) for row in pairs(60, BAD))
        judge.stdin.write("\n".join(lines) + "\n")
        judge.stdin.flush()
        assert judge.wait(timeout=60) == 1
        assert json.loads(judge.stdout.read())["action"] == "roll back"


def test_a_silent_stream_ends_at_the_deadline() -> None:
    def silent() -> Iterator[dict[str, Any]]:
        yield from pairs(50, 0.0)
        ended.wait(60)

    import threading

    ended = threading.Event()
    found = fullturn.judge(silent(), deadline_minutes=0.02)
    ended.set()
    assert found.outcome == "INCONCLUSIVE" and found.exit_code == 3
    assert found.reason.startswith("no decision after 0.02 minutes: 50 of 200 requests")


def test_rows_that_repeat_an_id_or_have_none_are_left_out_and_counted() -> None:
    rows = [*pairs(50, 0.0), *pairs(20, 0.0), {"id": "r1", "champion": 0, "candidate": 1}]
    rows += [{"id": " ", "champion": 0, "candidate": 1}] * 10
    found = fullturn.judge(rows)
    assert found.requests == 50 and found.rows == 81
    assert found.readings[0].candidate == 0.0
    assert found.findings == (
        "20 rows repeat an id (first: row 51): left out",
        "1 rows repeat an id with other outcomes (first: row 71): left out",
        "10 rows have no id (first: row 72): left out",
    )
    assert "10 of 60 rows have no id" in found.reason


def test_without_ids_each_row_counts_if_that_is_said() -> None:
    rows = [{"champion": 0, "candidate": 0}] * 300
    with pytest.raises(DataError, match="--no-id"):
        fullturn.judge(rows)
    assert fullturn.judge(rows, id=None).action == "promote"


def shadow_rows(number: int, lost: int = 0) -> Iterator[dict[str, Any]]:
    for n in range(number):
        yield {"id": n, "arm": "champion", "errors": 0}
        if n % 10 >= lost:
            yield {"id": n, "arm": "shadow", "errors": 0}


def test_rows_of_one_request_are_a_pair_in_shadow() -> None:
    found = fullturn.judge(shadow_rows(1000), is_shadow=True)
    assert (found.action, found.layout) == ("promote", "shadow arms")
    with pytest.raises(DataError, match="id '0' is in both arms; pass --shadow"):
        fullturn.judge(shadow_rows(1000))


def test_requests_that_the_candidate_did_not_answer_do_not_pass() -> None:
    found = fullturn.judge(shadow_rows(1000, lost=1), is_shadow=True)
    assert found.action == "undecided"
    assert "100 of 1,000 requests were answered by one side only" in found.reason


def test_arms_are_compared_by_entity() -> None:
    """One user whose every request fails is one observation, not a hundred."""
    rows = [{"arm": "canary", "user": "unlucky", "outcome": 1}] * 100
    rows += [{"arm": "stable", "user": f"u{n}", "outcome": 0} for n in range(100)]
    rows += [{"arm": "other", "user": "x", "outcome": 0}]
    assert fullturn.judge(rows, key="user").action == "undecided"
    found = fullturn.judge(rows)
    assert found.action == "roll back"


def test_a_state_continues_and_counts_no_row_twice(tmp_path: Path) -> None:
    state = tmp_path / "judge.state"
    first = fullturn.judge(pairs(120, 0.0), state=state)
    assert (first.action, first.requests) == ("undecided", 120)
    again = fullturn.judge(pairs(180, 0.0), state=state)  # the same file, grown
    assert (again.action, again.requests) == ("undecided", 180)
    last = fullturn.judge(pairs(180, 0.0, start=180), state=state)
    assert last.action == "promote" and last.requests < 300
    whole = fullturn.judge(pairs(360, 0.0))
    assert (whole.requests, whole.readings) == (last.requests, last.readings)


def test_a_decision_in_a_state_is_final(tmp_path: Path) -> None:
    state = tmp_path / "judge.state"
    decided = fullturn.judge(pairs(2000, BAD), state=state)
    good = fullturn.judge(pairs(2000, 0.0, start=5000), state=state)
    assert decided.action == good.action == "roll back"
    assert decided.reason == good.reason


def test_a_state_of_other_terms_or_without_ids_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "judge.state"
    fullturn.judge(pairs(50, 0.0), state=state)
    with pytest.raises(UsageError, match="written with other"):
        fullturn.judge(pairs(50, 0.0), margin=0.2, state=state)
    with pytest.raises(UsageError, match="recognises rows by their id"):
        fullturn.judge(pairs(50, 0.0), id=None, state=state)


def test_an_empty_stream_could_not_be_evaluated() -> None:
    with pytest.raises(CouldNotEvaluate, match="no row came from the rows"):
        fullturn.judge([])
