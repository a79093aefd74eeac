"""What `train` and `runs` say when there is little to say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fullturn.cli.output import show
from fullturn.core.tags import PREFIX
from fullturn.evaluation.race import Race
from fullturn.verbs.train import Trial, Trials
from tests.cli.test_bad_inputs import csv_of, init, rows, run, use
from tests.tracking.test_comparison import A, B
from tests.tracking.test_comparison import run as record


def trial(name: str, place: str = "", *, stopped: bool = False) -> Trial:
    one = replace(record(name), tags={PREFIX + "search": place})
    return Trial(one, Race(A if stopped else B, stopped, 300, 300, 42.0, (1,) * 600))


def test_a_run_that_raced_nobody_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    show(Trials([trial("a")]), next_too=False)
    told = capsys.readouterr().out
    assert "alone" in told and "finished" not in told
    three = [trial("b", "2 of 3"), trial("a", "1 of 3"), trial("c", "3 of 3", stopped=True)]
    show(Trials(three), next_too=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    ends = ("race", "finished", "alone", "stopped: worse, e = 42")
    assert all(line.endswith(end) for line, end in zip(lines, ends, strict=True))


def test_without_runs_the_next_step_is_named(
    tmp_path: Path, empty_database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, csv_of(rows(30))) == 0
    use(tmp_path / "project", empty_database)
    capsys.readouterr()
    for words, said in (("runs", "no runs yet"), ("runs --kind gate", "no gate runs yet")):
        assert run("-C", str(tmp_path / "project"), *words.split()) == 0
        assert capsys.readouterr().out.splitlines() == [said, "next: fullturn turn"]
