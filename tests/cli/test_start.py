"""`init` and `ci workflows`: what a new project holds, and that no file of a person is replaced."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fullturn.cli import run
from fullturn.core.settings import read
from fullturn.pipeline import installation
from fullturn.pipeline.installation import requirement
from fullturn.pipeline.workflows import render, requirements
from tests.pipeline.test_lock import WHEEL, wheel

WORKFLOWS = {
    ".github/workflows/model-ci.yml",
    ".github/workflows/model-comment.yml",
    ".github/workflows/model-cd.yml",
    ".github/workflows/model-watch.yml",
    ".gitlab-ci.yml",
}


ROWS = "text,label\n" + "".join(
    f"{text} number {n},{label}\n"
    for n in range(5)
    for text, label in (("a parcel", "delivery"), ("a refund", "billing"))
)


def init(folder: Path, *more: str) -> int:
    table = folder.parent / "rows.csv"
    table.write_text(ROWS)
    words = ["init", "--csv", str(table), "--text", "text", "--label", "label", *more]
    return run([*words, str(folder)])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    return " ".join((out + err).split())


def tracked(folder: Path) -> set[str]:
    words = ["git", "-C", str(folder), "ls-files"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def test_a_new_project_holds_the_workflows_and_what_they_need(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    assert init(folder) == 0
    needed = {"fullturn.toml", "rows.csv", "requirements.txt", ".gitignore"}
    assert tracked(folder) == WORKFLOWS | needed
    assert (folder / ".gitignore").read_text() == ".fullturn/\nci-report/\n__pycache__/\n"
    assert (folder / "requirements.txt").read_text() == requirements(requirement("classifier"))
    head = (folder / ".git" / "HEAD").read_text()
    assert head == "ref: refs/heads/main\n"  # that the delivery is for


def test_a_project_of_a_wheel_is_locked_and_its_workflows_demand_the_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = wheel(tmp_path / "dist")
    found = {"url": made.as_uri(), "archive_info": {}}
    monkeypatch.setattr(installation, "origin", lambda: found)
    monkeypatch.setenv("UV_OFFLINE", "1")
    folder = tmp_path / "mail"
    assert init(folder) == 0
    assert {"requirements.in", "requirements.txt", f"wheels/{WHEEL}"} < tracked(folder)
    assert "--hash=sha256:" in (folder / "requirements.txt").read_text()
    assert f"./wheels/{WHEEL}[signing]" in (folder / "requirements.in").read_text()
    demanded = "python -m pip install --require-hashes --requirement requirements.txt"
    assert all((folder / name).read_text().count(demanded) >= 1 for name in WORKFLOWS)
    assert run(["-C", str(folder), "ci", "workflows", "--check"]) == 0
    capsys.readouterr()

    found.clear()  # from an index, which is not reachable
    folder = tmp_path / "offline"
    assert init(folder) == 0
    assert "requirements.txt has no hashes (uv: " in said(capsys)
    assert not (folder / "requirements.in").exists()
    text = (folder / "requirements.txt").read_text()
    assert text.endswith(f"\n{requirement('classifier').line}\n") and "uv pip compile" in text
    assert "--require-hashes" not in (folder / ".gitlab-ci.yml").read_text()


def test_files_of_a_person_stay_and_what_is_missing_in_them_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mail"
    (folder / ".github" / "workflows").mkdir(parents=True)
    theirs = {".gitlab-ci.yml": "theirs: {}\n", "requirements.txt": "pandas\n"}
    for name, text in theirs.items():
        (folder / name).write_text(text)
    assert init(folder, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["existing"] == [".gitlab-ci.yml", "requirements.txt"]
    [to_do] = answer["to_do"]
    assert f"add `{requirement('classifier').line}`" in to_do
    assert {name: (folder / name).read_text() for name in theirs} == theirs
    assert (folder / ".github" / "workflows" / "model-ci.yml").exists()


@pytest.mark.parametrize("line", ["fullturn\n", "pandas\n  fullturn==9 # newer\n", "fullturn[llm]"])
def test_requirements_that_name_fullturn_ask_for_nothing(tmp_path: Path, line: str) -> None:
    from fullturn.verbs import init

    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "requirements.txt").write_text(line)
    table = tmp_path / "rows.csv"
    table.write_text(ROWS)
    assert init.init(tmp_path / "mail", csv=table, text="text", label="label").to_do == ()


def test_in_a_folder_of_a_repository_the_place_of_workflows_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "models").mkdir()
    assert init(tmp_path / "models" / "mail") == 0
    told = said(capsys)
    assert "move .github and .gitlab-ci.yml there" in told
    assert "models/mail" in told and not (tmp_path / "models" / "mail" / ".git").exists()


def test_the_next_step_can_be_copied_if_the_folder_has_a_space(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my project"
    assert run(["init", "--example", "wine", str(folder)]) == 0
    assert f"cd '{folder}' && fullturn turn" in capsys.readouterr().out


def test_the_next_step_of_a_turn_shows_that_there_are_more_inputs(tmp_path: Path) -> None:
    from fullturn.verbs.turn import question_for
    from fullturn.verbs.workspace import Workspace

    assert run(["init", "--example", "wine", str(tmp_path / "wine")]) == 0
    asked = question_for(Workspace.open(tmp_path / "wine"))
    assert asked == "predict alcohol='…' malic_acid='…' ash='…' …"


@pytest.mark.parametrize("name", ["assistant", "wine"])
def test_an_example_is_a_whole_project(tmp_path: Path, name: str) -> None:
    from fullturn.verbs.workspace import Workspace

    folder = tmp_path / name
    assert run(["init", "--example", name, str(folder)]) == 0
    assert tracked(folder) >= WORKFLOWS | {"fullturn.toml", "requirements.txt"}
    assert Workspace.open(folder).settings.data.files
    for file in read(folder).data.files:
        assert (folder / file).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--example", "wnie"], "there is no example 'wnie'; did you mean 'wine'?"),
        (["--example", "wine", "--text", "text"], "omit --text"),
        (["--text", "text"], "--csv, --label missing"),
        ([], "or use --example"),
    ],
)
def test_what_init_cannot_do_is_said_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run(["init", *words, str(tmp_path / "new")]) == 2
    assert message in said(capsys)
    assert not (tmp_path / "new").exists()


def test_an_example_needs_a_folder_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert run(["init", "--example", "wine", str(tmp_path)]) == 2
    assert "is not empty" in said(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_ci_workflows_shows_and_writes_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mail"
    assert init(folder) == 0
    command = ["-C", str(folder), "ci", "workflows"]
    assert run([*command, "--check"]) == 0
    toml = folder / "fullturn.toml"
    toml.write_text(toml.read_text() + '\n[ci]\nbase = "trunk"\n')
    capsys.readouterr()
    assert run([*command, "--check"]) == 1
    assert '+ branches: ["trunk"]' in said(capsys)
    assert "trunk" not in (folder / ".github" / "workflows" / "model-cd.yml").read_text()
    assert run(command) == 0
    assert run([*command, "--check", "--json"]) == 0
    rendered = render(read(folder))
    assert {name: (folder / name).read_text() for name in rendered} == rendered


def test_ci_workflows_leaves_a_file_that_is_not_fullturns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mail"
    assert init(folder) == 0
    (folder / ".gitlab-ci.yml").write_text("theirs: {}\n")
    assert run(["-C", str(folder), "ci", "workflows"]) == 0
    assert "left unchanged: .gitlab-ci.yml" in said(capsys)
    assert (folder / ".gitlab-ci.yml").read_text() == "theirs: {}\n"
