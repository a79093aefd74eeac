"""What `train` and `runs` say when there is little to say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fullturn.cli.output import show
from fullturn.core.errors import UsageError
from fullturn.core.tags import PREFIX
from fullturn.evaluation.race import Race
from fullturn.verbs.parts.training import Trial
from fullturn.verbs.train import Trials, train
from fullturn.verbs.workspace import Workspace
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


@pytest.fixture
def committed(tmp_path: Path, empty_database: Path) -> Path:
    assert init(tmp_path, csv_of(rows(120))) == 0
    use(tmp_path / "project", empty_database)
    assert run("-C", str(tmp_path / "project"), "data", "commit") == 0
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", f"penalty={'9' * 5000}"], "penalty = '999"),
        (["-p", f"penalty={'9' * 4000}"], "allowed is float, 0.001 to 1000"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", "99999999999"], "not in the range"),
        (["-p", "max_rows=2", "--seed", "1"], "max_rows = 2 draws rows of one label only"),
        (["--search", "2", "-p", "penaltie=1"], "unknown parameter 'penaltie'"),
    ],
)
def test_a_wrong_parameter_is_a_usage_error(
    committed: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    capsys.readouterr()
    assert run("-C", str(committed), "train", *words) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed and len(printed) < 400


@pytest.mark.parametrize("value", ["abc", "-1", "9" * 4000])
def test_a_wrong_parameter_leaves_no_run(
    committed: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    assert run("-C", str(committed), "train", "-p", f"penalty={value}") == 2
    capsys.readouterr()
    assert run("-C", str(committed), "runs", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_number_of_thousands_of_digits_in_the_settings_is_a_usage_error(
    committed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (committed / "fullturn.toml").open("a") as file:
        file.write(f"\n[release]\nmargin = {'9' * 5000}\n")
    assert run("-C", str(committed), "runs") == 2
    assert "fullturn.toml" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"seed = -1: allowed is 0 to 4294967295"):
        train(None, seed=-1)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_search_varies_only_what_is_not_set(committed: Path) -> None:
    words = ["--search", "3", "-p", "penalty=0.7", "--name", "first", "--seed", "5"]
    assert run("-C", str(committed), "train", *words) == 0
    found = Workspace.open(committed).store.runs("train")
    assert len(found) == 3 and {one.params["penalty"] for one in found} == {"0.7"}
    assert len({str(one.params) for one in found}) == 3
    assert [one.name for one in found].count("first") == 1
    assert {one.tags[f"{PREFIX}seed"] for one in found} == {"5"}
