"""The pipeline on a real project under Git: what it refuses, lets through, and leaves alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import run
from fullturn.registry import promotion
from fullturn.verbs.ci.run import CALLS, Call
from fullturn.verbs.workspace import Workspace
from tests.conftest import free_port
from tests.projects import copied
from tests.verbs.conftest import write_rows
from tests.verbs.toy import messages

pytestmark = pytest.mark.slow
PLATFORM = ("CI", "GITHUB_BASE_REF", "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_STEP_SUMMARY")


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def committed(folder: Path, message: str, branch: str | None = None) -> None:
    if branch:
        git(folder, "switch", "--quiet", "--create", branch)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def with_params(folder: Path, params: str) -> None:
    toml = folder / "fullturn.toml"
    text = toml.read_text().partition("[experiment.params]")[0]
    toml.write_text(text + (f"[experiment.params]\n{params}\n" if params else ""))


@pytest.fixture
def mine(tmp_path: Path, committed_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project under Git that nobody has trained in, on no platform."""
    for name in PLATFORM:
        monkeypatch.delenv(name, raising=False)
    folder = copied(committed_once, tmp_path / "project")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / ".gitignore").write_text(".fullturn/\n")
    committed(folder, "New project")
    return folder


@pytest.fixture
def delivered(mine: Path) -> Path:
    """The same with a champion, delivered by the pipeline."""
    assert run(["-C", str(mine), "cd"]) == 0
    return mine


def report(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "ci-report" / "report.json").read_text())
    return read


def trainings(folder: Path) -> int:
    return len(Workspace.open(folder).store.runs("train"))


def gates(folder: Path) -> int:
    return len(Workspace.open(folder).store.runs("gate"))


def champion(folder: Path) -> int | None:
    return promotion.champion(Workspace.open(folder).store)


def test_ci_decides_and_registers_nothing_and_cd_makes_the_first_champion(mine: Path) -> None:
    assert run(["-C", str(mine), "ci"]) == 0
    store = Workspace.open(mine).store
    assert store.versions(store.name) == [] and champion(mine) is None
    assert report(mine)["verdict"] == "PASSED"
    assert run(["-C", str(mine), "cd"]) == 0
    assert champion(mine) == 1
    assert (trainings(mine), gates(mine)) == (1, 1)


def test_a_runner_without_a_shared_registry_is_named_before_anything_is_trained(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    (mine / "fullturn.toml").write_text("# not committed\n" + (mine / "fullturn.toml").read_text())
    assert run(["-C", str(mine), "cd"]) == 4  # at the first step
    said = " ".join("".join(capsys.readouterr()).split())
    assert "this runner has no shared registry" in said and "Set MLFLOW_TRACKING_URI" in said
    assert trainings(mine) == 0
    monkeypatch.delenv("CI")
    capsys.readouterr()
    run(["-C", str(mine), "ci", "code"])
    assert "shared registry" not in "".join(capsys.readouterr())


def test_a_commit_that_changes_only_the_readme_trains_and_gates_nothing(delivered: Path) -> None:
    (delivered / "README.md").write_text("words\n")
    committed(delivered, "Words", branch="words")
    assert run(["-C", str(delivered), "cd"]) == 0
    assert (trainings(delivered), gates(delivered), champion(delivered)) == (1, 1, 1)
    found = report(delivered)
    assert "the champion's own run (version 1)" in found["reason"] and found["warnings"] == []
    assert "nothing to decide" in (delivered / "ci-report" / "report.md").read_text()


def test_stricter_limits_gate_a_champion_again(
    delivered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(delivered), "gate", "candidate", "--cached"]) == 0
    assert gates(delivered) == 1
    toml = delivered / "fullturn.toml"
    toml.write_text(toml.read_text().replace("slice_floor = 0.4", "slice_floor = 0.95"))
    capsys.readouterr()
    assert run(["-C", str(delivered), "gate", "candidate", "--cached"]) == 1
    assert "EVAL04" in capsys.readouterr().out
    assert gates(delivered) == 2


def test_a_line_that_was_cut_off_is_a_step_that_was_not_reached(mine: Path) -> None:
    steps = mine / ".fullturn" / "ci-steps.jsonl"
    steps.write_text('{"command": "ci code", "exit_code": 0, "reason": "", "seconds": 1}\n{"comm')
    assert run(["-C", str(mine), "ci", "report"]) == 0
    assert [step["exit_code"] for step in report(mine)["steps"]] == [0, *[None] * 5]


def test_a_worse_branch_is_refused_with_the_questions_that_it_broke(delivered: Path) -> None:
    with_params(delivered, 'fault = "constant"')
    committed(delivered, "Simpler", branch="worse")
    assert run(["-C", str(delivered), "cd"]) == 1
    assert champion(delivered) == 1
    found = report(delivered)
    assert found["verdict"] == "FAILED"
    lost = [flip for flip in found["flips"] if not flip["gained"]]
    assert len(lost) > 20 and lost[0]["question"].split()
    assert [step["exit_code"] for step in found["steps"]] == [0, 0, 0, 0, 0, 1]
    page = (delivered / "ci-report" / "report.md").read_text()
    assert lost[0]["question"][:20] in page


def test_another_branch_is_delivered_and_taking_it_back_brings_back_the_first_model(
    delivered: Path,
) -> None:
    with_params(delivered, "smoothing = 0.5")
    committed(delivered, "Less smoothing")
    assert run(["-C", str(delivered), "cd"]) == 0
    assert (trainings(delivered), champion(delivered)) == (2, 2)
    git(delivered, "revert", "--no-edit", "HEAD")
    assert run(["-C", str(delivered), "ci"]) == 0
    assert trainings(delivered) == 2, "the first model is found, not trained again"
    assert report(delivered)["params"] == {"smoothing": ["0.5", "1.0"]}


def test_what_a_search_found_stays_when_a_branch_changes_something_else(mine: Path) -> None:
    assert run(["-C", str(mine), "train", "-p", "smoothing=3.0"]) == 0
    assert run(["-C", str(mine), "gate", "best"]) == 0
    assert run(["-C", str(mine), "promote", "1", "--reason", "found by a search"]) == 0
    with_params(mine, 'fault = "case"')
    committed(mine, "A fault", branch="fault")
    run(["-C", str(mine), "ci"])
    assert report(mine)["params"] == {"fault": ["none", "case"]}


def test_without_a_champion_the_model_of_the_base_branch_is_the_one_to_beat(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_params(mine, 'fault = "constant"')
    committed(mine, "Simpler", branch="worse")
    fork = cloned(mine, tmp_path / "fork")
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    assert run(["-C", str(fork), "ci"]) == 1
    found = report(fork)
    assert found["champion"]["name"] == "version 1" and found["verdict"] == "FAILED"
    assert found["checkout"]["base"] == "origin/main"
    assert git(fork, "worktree", "list").count("\n") == 1, "nothing is left behind"


def cloned(folder: Path, to: Path, *options: str) -> Path:
    """A clone as a runner makes it, on the branch that `folder` is on, with no state."""
    source = folder.as_uri() if options else str(folder)
    subprocess.run(["git", "clone", "-q", *options, source, str(to)], check=True)
    return to


def test_a_shallow_clone_that_hides_the_base_is_refused(
    mine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (mine / "README.md").write_text("words\n")
    committed(mine, "Words", branch="words")
    shallow = cloned(mine, tmp_path / "shallow", "--depth", "1", "--single-branch")
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    assert run(["-C", str(shallow), "ci"]) == 4
    said = " ".join(capsys.readouterr().err.split())
    assert "'main' is not here" in said and "fetch-depth: 0" in said
    assert report(shallow)["verdict"] == "COULD_NOT_EVALUATE"


def test_uncommitted_changes_are_refused_on_a_platform_and_said_on_a_laptop(
    delivered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (delivered / "README.md").write_text("words\n")
    assert run(["-C", str(delivered), "ci"]) == 0
    assert any("ncommitted" in warning for warning in report(delivered)["warnings"])
    monkeypatch.setenv("CI", "true")
    assert run(["-C", str(delivered), "ci"]) == 4
    assert "README.md" in capsys.readouterr().err
    assert report(delivered)["verdict"] == "COULD_NOT_EVALUATE"


def test_test_rows_that_change_with_the_model_are_said_loudly(delivered: Path) -> None:
    write_rows(delivered / "messages.csv", messages(1100, seed=1))
    with_params(delivered, "smoothing = 0.5")
    committed(delivered, "More rows and less smoothing", branch="both")
    run(["-C", str(delivered), "ci"])
    assert any(
        "test" in w.lower() and "same branch" in w.lower() for w in report(delivered)["warnings"]
    )


def test_a_champion_whose_files_are_gone_blocks(delivered: Path) -> None:
    [version] = Workspace.open(delivered).store.versions("toy")
    folder = Workspace.open(delivered).store.fetch_model(version.source)
    shutil.rmtree(folder)
    with_params(delivered, "smoothing = 0.5")
    committed(delivered, "Less smoothing", branch="other")
    assert run(["-C", str(delivered), "ci"]) == 4
    found = report(delivered)
    assert found["verdict"] == "COULD_NOT_EVALUATE" and "version 1" in found["reason"]
    assert "are gone" in found["reason"]
    assert champion(delivered) == 1


@pytest.mark.parametrize(
    ("damage", "code", "verdict", "said"),
    [
        ('[ci]\ntests = "false"\n', 1, "FAILED", "own tests fail"),
        ('[ci]\ntests = "no-such-command"\n', 4, "COULD_NOT_EVALUATE", "cannot be started"),
        ("[ci]\ntests = \"sh -c 'exit 5'\"\n", 4, "COULD_NOT_EVALUATE", "exit code 5"),
        ('[ci]\ntests = "un\'closed"\n', 2, "COULD_NOT_EVALUATE", "not a command line"),
    ],
)
def test_own_tests_that_fail_or_cannot_run_stop_the_rest(
    mine: Path, damage: str, code: int, verdict: str, said: str
) -> None:
    with (mine / "fullturn.toml").open("a") as file:
        file.write(damage)
    assert run(["-C", str(mine), "ci"]) == code
    found = report(mine)
    assert found["verdict"] == verdict and said in found["reason"]
    assert [step["exit_code"] for step in found["steps"]] == [0, code, None, None, None, None]
    assert trainings(mine) == 0


def test_rows_that_break_the_contract_stop_the_rest(mine: Path) -> None:
    with (mine / "messages.csv").open("a") as file:
        file.write("words,mail,\n")
    assert run(["-C", str(mine), "ci"]) == 2
    assert "'channel' is empty" in report(mine)["reason"]


def test_an_unreachable_tracking_server_is_told_with_a_report(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert run(["-C", str(mine), "ci"]) == 4
    found = report(mine)
    assert found["verdict"] == "COULD_NOT_EVALUATE" and "is unreachable" in found["reason"]
    assert "is unreachable" in (mine / "ci-report" / "report.md").read_text()


def test_one_pipeline_at_a_time_works_on_a_state(mine: Path, locked: Callable[[Path], Any]) -> None:
    with locked(mine / ".fullturn"):
        assert run(["-C", str(mine), "ci"]) == 1


@pytest.fixture
def locked() -> Callable[[Path], Any]:
    """Holds a project's lock as another process would."""
    from fullturn.core.locks import project_lock

    return lambda state: project_lock(state, "fullturn turn")


def test_on_a_platform_nothing_is_delivered_into_a_registry_that_vanishes(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert run(["-C", str(mine), "cd"]) == 4
    assert "thrown away with it" in " ".join(capsys.readouterr().err.split())
    assert champion(mine) is None
    monkeypatch.setenv("FULLTURN_STATE", str(mine / ".fullturn"))
    assert run(["-C", str(mine), "cd"]) == 0
    assert champion(mine) == 1


def test_json_tells_each_step_and_its_answer(
    delivered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["-C", str(delivered), "ci", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in said["steps"]][:3] == ["code", "tests", "base"]
    assert said["exit_code"] == 0
    assert said["steps"][4]["answer"]["trained_before"] is True


def test_a_crash_of_a_step_is_a_fault_of_ours_and_the_report_is_still_written(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(project: Workspace) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("fullturn.verbs.ci.run.CALLS", {**CALLS, "base": Call(crash)})
    assert run(["-C", str(mine), "ci"]) == 70
    page = (mine / "ci-report" / "report.md").read_text()
    assert "fullturn itself failed" in page and "no such thing" in page
    assert len(list((mine / ".fullturn" / "faults").iterdir())) == 1
