"""The workflow files: the declaration's commands, least rights, and what two linters say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fullturn.core.settings import CISettings, LLMSettings, Settings, SigningSettings
from fullturn.pipeline.installation import Requirement
from fullturn.pipeline.steps import DELIVER, EVALUATE, STEPS_FILE, Step, step
from fullturn.pipeline.workflows import (
    COMMENT,
    MARK,
    differences,
    foreign,
    render,
    requirements,
    write,
)
from tests.pipeline.linting import actionlint, zizmor

SETTINGS = Settings(name="project")
FILES = render(SETTINGS)
GITHUB = {Path(path).stem: text for path, text in FILES.items() if path.startswith(".github")}
GITLAB = FILES[".gitlab-ci.yml"]
DELIVERED = (step("code"), step("data"), step("train"), *DELIVER)
"""What the job of a delivery runs on a machine that has nothing yet."""


def jobs(name: str) -> dict[str, Any]:
    """The jobs of a workflow on GitHub."""
    return dict(yaml.safe_load(GITHUB[name])["jobs"])


def steps(name: str) -> Iterator[dict[str, Any]]:
    """All steps of a workflow on GitHub."""
    for job in jobs(name).values():
        yield from job["steps"]


def commands(job: dict[str, Any]) -> list[str]:
    """What a job on GitHub runs, without what installs fullturn."""
    return [one["run"] for one in job["steps"] if "run" in one and one["name"] != "install"]


def lines(of: tuple[Step, ...]) -> list[str]:
    return [one.line for one in of]


def test_each_job_runs_the_commands_of_the_declaration_in_its_order() -> None:
    assert commands(jobs("model-ci")["evaluate"]) == lines(EVALUATE)
    delivery = jobs("model-cd")
    assert list(delivery) == ["evaluate", "deliver"]
    assert commands(delivery["evaluate"]) == lines(EVALUATE)
    assert commands(delivery["deliver"]) == lines(DELIVERED)
    assert commands(jobs("model-watch")["turn"]) == ["fullturn turn"]
    assert commands(jobs("model-comment")["comment"]) == [COMMENT.line]


def test_gitlab_runs_the_same_commands() -> None:
    pipeline = yaml.safe_load(GITLAB)
    evaluate = pipeline["evaluate"]
    assert evaluate["script"] == lines(tuple(one for one in EVALUATE if not one.always))
    assert evaluate["after_script"] == lines(tuple(one for one in EVALUATE if one.always))
    assert pipeline["deliver"]["script"] == lines(DELIVERED)
    assert pipeline["watch"]["script"] == ["fullturn turn"]


def test_a_step_runs_after_a_failure_only_if_the_declaration_says_so() -> None:
    for name in ("model-ci", "model-cd"):
        found = [one for one in jobs(name)["evaluate"]["steps"] if "run" in one][1:]
        assert [one.get("if") == "always()" for one in found] == [one.always for one in EVALUATE]


def test_each_step_is_named_after_the_declaration() -> None:
    names = [one["name"] for one in jobs("model-ci")["evaluate"]["steps"] if "run" in one][1:]
    assert names == [f"{one.name}: {one.about}" for one in EVALUATE]


def test_every_fullturn_command_in_the_files_is_a_verb() -> None:
    from fullturn.cli.commands import cli

    for text in FILES.values():
        for verb in re.findall(r"^\s*(?:run:|-) fullturn (\w+)", text, re.MULTILINE):
            assert verb in cli.commands, verb


@pytest.mark.parametrize("name", GITHUB)
def test_no_workflow_has_rights_that_a_job_does_not_ask_for(name: str) -> None:
    allowed = {
        "model-ci": {"contents": "read"},
        "model-cd": {"contents": "read"},
        "model-watch": {"contents": "read"},
        "model-comment": {"contents": "read", "actions": "read", "pull-requests": "write"},
    }
    assert yaml.safe_load(GITHUB[name])["permissions"] == {}
    for job in jobs(name).values():
        assert job["permissions"] == allowed[name]
        assert 0 < job["timeout-minutes"] <= 360


@pytest.mark.parametrize("name", GITHUB)
def test_every_action_is_fixed_by_its_commit_and_keeps_no_token(name: str) -> None:
    used = re.findall(r"uses: (.*)", GITHUB[name])
    assert len(used) >= 2
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    checkouts = [one for one in steps(name) if "checkout" in one.get("uses", "")]
    assert checkouts and all(one["with"]["persist-credentials"] is False for one in checkouts)


@pytest.mark.parametrize("name", GITHUB)
def test_no_expression_reaches_a_shell(name: str) -> None:
    for one in steps(name):
        assert "${{" not in one.get("run", ""), one


def test_code_of_a_pull_request_meets_no_secret() -> None:
    workflow = yaml.safe_load(GITHUB["model-ci"])
    assert workflow[True] == "pull_request"  # YAML 1.1 reads the key `on` as true
    assert "secrets." not in GITHUB["model-ci"] and "github.token" not in GITHUB["model-ci"]
    assert workflow["jobs"]["evaluate"]["runs-on"] == "ubuntu-latest"
    assert "environment" not in workflow["jobs"]["evaluate"]
    checkout = workflow["jobs"]["evaluate"]["steps"][0]["with"]
    assert checkout["ref"] == "${{ github.event.pull_request.head.sha }}"
    assert checkout["fetch-depth"] == 0
    delivery = jobs("model-cd")
    assert "secrets." not in json.dumps(delivery["evaluate"])
    assert delivery["deliver"]["environment"] == "production"
    assert delivery["deliver"]["needs"] == "evaluate"


def test_the_workflow_that_writes_checks_out_the_default_branch() -> None:
    [checkout] = [one for one in steps("model-comment") if "checkout" in one.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    [download] = [one for one in steps("model-comment") if "download" in one.get("uses", "")]
    assert download["with"]["path"].startswith("${{ runner.temp }}/")
    [upload] = [one for one in steps("model-ci") if "upload" in one.get("uses", "")]
    assert download["with"]["name"] == upload["with"]["name"]
    assert yaml.safe_load(GITHUB["model-comment"])[True]["workflow_run"]["workflows"] == [
        yaml.safe_load(GITHUB["model-ci"])["name"]
    ]


def test_the_steps_of_a_job_tell_the_report_how_they_ended() -> None:
    path = jobs("model-ci")["evaluate"]["env"][STEPS_FILE]
    assert path == jobs("model-cd")["evaluate"]["env"][STEPS_FILE]
    assert path == yaml.safe_load(GITLAB)["variables"][STEPS_FILE]
    assert not Path(path).is_absolute()


def test_settings_name_the_branch_the_key_and_the_way_to_sign() -> None:
    named = render(
        Settings(
            name="project",
            ci=CISettings(base="trunk"),
            signing=SigningSettings(private_key_env="TEAM_KEY"),
        )
    )[".github/workflows/model-cd.yml"]
    assert yaml.safe_load(named)[True]["push"]["branches"] == ["trunk"]
    assert "TEAM_KEY: ${{ secrets.TEAM_KEY }}" in named
    keyless = render(Settings(name="project", signing=SigningSettings(method="keyless")))
    deliver = yaml.safe_load(keyless[".github/workflows/model-cd.yml"])["jobs"]["deliver"]
    assert deliver["permissions"] == {"contents": "read", "id-token": "write"}
    assert "_KEY" not in json.dumps(deliver)


@pytest.mark.parametrize(("name", "job"), [("model-cd", "deliver"), ("model-watch", "turn")])
def test_secrets_reach_only_the_steps_that_need_them(name: str, job: str) -> None:
    found = jobs(name)[job]
    assert "secrets." not in json.dumps(found["env"])
    for one in found["steps"]:
        runs = one.get("run", "")
        given = json.dumps(one.get("env", {}))
        assert ("secrets.MLFLOW_TRACKING_TOKEN" in given) == runs.startswith("fullturn "), one
        signs = one.get("name", "").partition(":")[0] in ("register", "release", "turn")
        assert ("secrets.FULLTURN_SIGNING_KEY" in given) == signs, one


def test_requirements_end_with_fullturn_and_have_pytest_for_tests() -> None:
    found = Requirement("fullturn==1.0", note="a note")
    lines = [line for line in requirements(found).splitlines() if not line.startswith("#")]
    assert lines == ["fullturn==1.0"]
    with_tests = requirements(found, has_tests=True).splitlines()
    assert with_tests[-3:] == ["# a note.", "pytest", "fullturn==1.0"]


def test_files_are_written_once_and_renewed_only_if_they_are_fullturns(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text("theirs: {}\n")
    assert foreign(tmp_path, FILES) == (".gitlab-ci.yml",)
    assert set(write(tmp_path, FILES)) == set(FILES) - {".gitlab-ci.yml"}
    assert write(tmp_path, FILES) == () and differences(tmp_path, FILES) == {}
    edited = tmp_path / ".github" / "workflows" / "model-ci.yml"
    edited.write_text(edited.read_text().replace("timeout-minutes: 60", "timeout-minutes: 9"))
    [(path, diff)] = differences(tmp_path, FILES).items()
    assert path == ".github/workflows/model-ci.yml"
    assert "\n-    timeout-minutes: 9\n+    timeout-minutes: 60\n" in diff
    assert write(tmp_path, FILES) == (path,)
    assert (tmp_path / ".gitlab-ci.yml").read_text() == "theirs: {}\n"


def test_every_file_says_whose_it_is() -> None:
    assert all(MARK in text for text in FILES.values())


ASSISTANT = Settings(name="project", app="assistant")


def test_a_runner_of_an_assistant_fetches_the_embedded_llm_into_its_cache() -> None:
    files = render(ASSISTANT)
    for name in ("model-ci", "model-cd", "model-watch"):
        for job in yaml.safe_load(files[f".github/workflows/{name}.yml"])["jobs"].values():
            runs = [one.get("run", one.get("uses", "")) for one in job["steps"]]
            place = next(n for n, one in enumerate(runs) if one.startswith("fullturn llm install"))
            assert runs[place - 2].startswith("python -m pip install")
            assert runs[place - 1].startswith("actions/cache@")
    gitlab = yaml.safe_load(files[".gitlab-ci.yml"])
    assert gitlab["default"]["before_script"][1:] == ["fullturn llm install"]
    [cached] = gitlab["default"]["cache"]["paths"]
    home = gitlab["variables"]["XDG_CACHE_HOME"].removeprefix("$CI_PROJECT_DIR/")
    assert cached == f"{home}/fullturn/llm"
    hosted = ASSISTANT.model_copy(update={"llm": LLMSettings(base_url="https://llm.example.org")})
    assert "llm install" not in "".join(render(hosted).values())


VARIANTS = {
    "as init writes it": SETTINGS,
    "an assistant": ASSISTANT,
    "keyless": Settings(name="project", signing=SigningSettings(method="keyless")),
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_actionlint_and_zizmor_find_nothing(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, render(settings))
    found = sorted((tmp_path / ".github" / "workflows").iterdir())
    assert len(found) == 4
    code, said = actionlint(*found * 10)  # one linter for all of them would panic
    assert code == 0 and "40 files, 0 findings" in said, said
    code, said = zizmor(tmp_path)
    assert code == 0 and "No findings to report" in said, said


FAULTS = {
    "an expression that GitHub cannot read": (
        "github.event.pull_request.number }}",
        "github.event.pull_request.numbr. }}",
        "actionlint",
        "[expression]",
    ),
    "a context that is not there at this place": (
        "ci-report/steps.jsonl",
        "${{ steps.none.outputs.path }}",
        "actionlint",
        "steps",
    ),
    "a key that does not exist": ("timeout-minutes", "time-out", "actionlint", "time-out"),
    "an action fixed by a tag": (
        r"actions/checkout@[0-9a-f]{40} # v[\d.]+",
        "actions/checkout@v6",
        "zizmor",
        "unpinned-uses",
    ),
    "text of a stranger in a shell": (
        "run: fullturn ci code",
        "run: echo ${{ github.event.pull_request.title }}",
        "zizmor",
        "template-injection",
    ),
    "a token left in the checkout": (
        r"          persist-credentials: false.*\n",
        "",
        "zizmor",
        "artipacked",
    ),
    "secrets for the code of forks": (
        "on: pull_request #",
        "on: pull_request_target #",
        "zizmor",
        "dangerous-triggers",
    ),
    "all rights for a job": (
        r"permissions:\n      contents: read",
        "permissions: write-all",
        "zizmor",
        "excessive-permissions",
    ),
}


@pytest.mark.parametrize(("old", "new", "tool", "said"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, old: str, new: str, tool: str, said: str) -> None:
    faulty, count = re.subn(old, lambda _: new, GITHUB["model-ci"])
    assert count == 1
    file = tmp_path / ".github" / "workflows" / "model-ci.yml"
    file.parent.mkdir(parents=True)
    file.write_text(faulty)
    code, output = actionlint(file) if tool == "actionlint" else zizmor(tmp_path)
    assert code != 0 and said in output, output
