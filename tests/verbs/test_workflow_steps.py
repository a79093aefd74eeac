"""Every `run` step of the generated workflows, run in fresh clones of a generated project."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from fullturn.cli import run
from fullturn.core.settings import Settings
from fullturn.llm import weights
from fullturn.pipeline.report import MARKER
from fullturn.pipeline.steps import EVALUATE
from fullturn.pipeline.workflows import render
from tests.pipeline.github_server import REPOSITORY, TOKEN, Platform, serving
from tests.verbs.runner import Event, Runner, Step, dependencies, git, wheel, workflow

pytestmark = pytest.mark.slow
NAMES = [step.name for step in EVALUATE]
WORDS = {
    "billing": "refund invoice charge card payment receipt".split(),
    "delivery": "parcel courier late address track doorstep".split(),
}


def write_messages(file: Path, rows: int, seed: int) -> None:
    """Messages about one of two subjects. Test data."""
    draw = random.Random(seed)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        for number in range(rows):
            label = draw.choice(list(WORDS))
            writer.writerow([f"{' '.join(draw.sample(WORDS[label], 2))} nr {number}", label])


@dataclass
class Site:
    """A project, the repository that its team pushes to, and the platform's runners."""

    project: Path
    origin: Path
    folder: Path
    wheels: Path
    installed: Path

    def runner(self, name: str) -> Runner:
        return Runner(self.folder / name, self.origin, self.wheels, self.installed)

    def push(self, branch: str) -> str:
        """Push a branch, for a pull request; returns its commit."""
        git(self.project, "push", "--quiet", "origin", branch)
        git(self.project, "switch", "--quiet", "main")
        return git(self.project, "rev-parse", branch)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A project as `fullturn init` makes it, with a test of its own, pushed to a bare origin."""
    folder = tmp_path_factory.mktemp("site")
    write_messages(folder / "messages.csv", 1000, seed=1)
    project, origin = folder / "mail", folder / "origin.git"
    words = ["--csv", str(folder / "messages.csv"), "--text", "text", "--label", "label"]
    assert run(["init", *words, str(project)]) == 0
    (project / "tests").mkdir()
    (project / "tests" / "test_rows.py").write_text(
        "from pathlib import Path\n\n\n"
        "def test_every_row_has_a_label():\n"
        "    lines = Path('messages.csv').read_text().splitlines()\n"
        "    assert not [line for line in lines if line.endswith(',')]\n"
    )
    requirements = project / "requirements.txt"  # as if fullturn came from an index
    named = re.sub(
        r"^(fullturn\S*) @ .*$", rf"\1=={version('fullturn')}", requirements.read_text(), flags=re.M
    )
    requirements.write_text(named)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "A test of the rows")
    git(folder, "clone", "--quiet", "--bare", str(project), str(origin))
    git(project, "remote", "add", "origin", str(origin))
    return Site(
        project, origin, folder, wheel(folder / "wheels"), dependencies(folder / "packages")
    )


def on_pull_request(branch: str, head: str) -> Event:
    merged = "refs/pull/7/merge"  # of GitHub's making, and not in the origin of these tests
    pull_request = {"number": 7, "head": {"sha": head}}
    github = {"ref": merged, "event": {"pull_request": pull_request}}
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": merged,
        "GITHUB_REF_NAME": "7/merge",
        "GITHUB_HEAD_REF": branch,
        "GITHUB_BASE_REF": "main",
        "GITHUB_REPOSITORY": REPOSITORY,
    }
    return Event("pull_request", merged, {"github": github, "vars": {}, "secrets": {}}, variables)


def on_main(name: str, **contexts: dict[str, str]) -> Event:
    github = {"ref": "refs/heads/main", "event": {}}
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_HEAD_REF": "",
        "GITHUB_BASE_REF": "",
        "GITHUB_REPOSITORY": REPOSITORY,
    }
    return Event(name, "refs/heads/main", {"github": github, **contexts}, variables)


def on_merge_request(branch: str, state: str) -> Event:
    """On a runner that has the state of the team: the champion is the one to beat."""
    variables = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_REF_NAME": branch,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "FULLTURN_STATE": state,
    }
    return Event("merge_request_event", f"refs/heads/{branch}", {}, variables)


def after(conclusion: str, head: str, platform: Platform) -> Event:
    ran = {"event": "pull_request", "conclusion": conclusion, "head_sha": head, "id": 1}
    github = {
        "ref": "refs/heads/main",
        "token": TOKEN,
        "event": {"workflow_run": ran, "repository": {"default_branch": "main"}},
    }
    event = on_main("workflow_run")
    variables = {**event.variables, **platform.environment(), "GITHUB_TOKEN": ""}
    return Event(event.name, event.ref, {"github": github}, variables)


def codes(steps: list[Step]) -> dict[str, int | None]:
    return {step.name.partition(":")[0]: step.code for step in steps}


def shown(steps: list[Step]) -> str:
    return "\n".join(f"--- {step.name}: {step.code}\n{step.output}" for step in steps)


def report(runner: Runner) -> dict[str, Any]:
    """The report that a job handed on, as JSON."""
    [file] = runner.artifacts.rglob("report.json")
    return dict(json.loads(file.read_text()))


@pytest.fixture(scope="module")
def github() -> Iterator[Platform]:
    with serving(Platform()) as platform:
        yield platform


@pytest.fixture(scope="module")
def state(site: Site, empty_database: Path) -> str:
    """The state folder of the server that a runner stands beside."""
    folder = site.folder / "state"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return str(folder)


@pytest.fixture(scope="module")
def more(site: Site) -> str:
    """A branch with more messages, as a pull request; its newest commit."""
    git(site.project, "switch", "--quiet", "--create", "more")
    write_messages(site.project / "messages.csv", 1100, seed=1)
    git(site.project, "commit", "--quiet", "--all", "--message", "More messages")
    return site.push("more")


def test_a_pull_request_is_evaluated_without_a_secret_and_its_report_posted(
    site: Site, more: str, github: Platform
) -> None:
    runner = site.runner("more")
    event = on_pull_request("more", more)
    steps = runner.github(workflow(site.project, "model-ci")["evaluate"], event)
    assert set(codes(steps).values()) == {0}, shown(steps)
    assert [name for name in codes(steps) if name in NAMES] == NAMES
    found = report(runner)
    assert found["verdict"] == "PASSED" and found["champion"], shown(steps)
    assert found["checkout"]["code"]["commit"] == more
    assert [one["exit_code"] for one in found["steps"]] == [0] * (len(EVALUATE) - 1)
    assert MARKER in runner.summary.read_text()
    assert git(runner.home / "job-1" / "work", "status", "--porcelain") == ""

    github.open(7, more)
    [job] = workflow(site.project, "model-comment").values()
    steps = runner.github(job, after("success", more, github))
    assert set(codes(steps).values()) == {0}, shown(steps)
    [body] = github.bodies(7)
    assert body.startswith(MARKER) and "passed" in body.splitlines()[1]
    assert runner.github(job, after("cancelled", more, github)) == []


def test_a_refused_pull_request_leaves_a_report_too(site: Site) -> None:
    git(site.project, "switch", "--quiet", "--create", "careless", "main")
    with (site.project / "messages.csv").open("a") as file:
        file.write("a message without a label,\n")
    git(site.project, "commit", "--quiet", "--all", "--message", "One more message")
    event = on_pull_request("careless", site.push("careless"))
    runner = site.runner("careless")
    steps = runner.github(workflow(site.project, "model-ci")["evaluate"], event)
    found = codes(steps)
    assert (found["code"], found["tests"]) == (0, 1), shown(steps)
    assert [name for name, code in found.items() if code is None] == NAMES[2:-1]
    assert (found["report"], found["upload-artifact"]) == (0, 0), shown(steps)
    assert report(runner)["verdict"] == "FAILED"


def test_what_is_merged_is_delivered_and_watched_beside_the_server(site: Site, state: str) -> None:
    runner, jobs = site.runner("main"), workflow(site.project, "model-cd")
    ours = {"FULLTURN_RUNNER": "beside", "FULLTURN_STATE": state}
    event = on_main("push", vars=ours, secrets={})
    steps = runner.github(jobs["deliver"], event)
    assert set(codes(steps).values()) == {0}, shown(steps)
    assert "is champion" in steps[-1].output
    assert not (runner.home / "job-1" / "work" / ".fullturn").exists()
    [turn] = workflow(site.project, "model-watch").values()
    assert runner.github(turn, on_main("schedule", vars={}, secrets={})) == []
    steps = runner.github(turn, on_main("schedule", vars=ours, secrets={}))
    assert set(codes(steps).values()) == {0}, shown(steps)


def test_the_embedded_llm_is_there_after_its_step(site: Site, more: str) -> None:
    text = render(Settings(name="mail", app="assistant"))[".github/workflows/model-ci.yml"]
    job = yaml.safe_load(text)["jobs"]["evaluate"]
    names = [step.get("name") for step in job["steps"]]
    begun = {**job, "steps": job["steps"][: names.index("llm") + 1]}
    steps = site.runner("assistant").github(begun, on_pull_request("more", more))
    assert [step.code for step in steps] == [0] * 5, shown(steps)
    assert weights.FILE in "".join(steps[-1].output.split())  # a long path is wrapped


def test_the_first_job_of_a_delivery_is_the_job_of_a_pull_request(site: Site) -> None:
    asked = workflow(site.project, "model-ci")["evaluate"]
    del asked["steps"][0]["with"]["ref"]
    assert workflow(site.project, "model-cd")["evaluate"] == asked


def test_gitlab_does_the_same(site: Site, more: str, state: str) -> None:
    pipeline = yaml.safe_load((site.project / ".gitlab-ci.yml").read_text())
    runner = site.runner("gitlab")
    evaluated = runner.gitlab(pipeline["evaluate"], pipeline, on_merge_request("more", state))
    assert evaluated.code == 0, evaluated.output
    assert report(runner)["verdict"] == "PASSED"
    assert (runner.artifacts / "ci-report" / "junit.xml").exists()
    variables = {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main", "FULLTURN_STATE": state}
    on_branch = Event("push", "refs/heads/main", {}, variables)
    for name in ("deliver", "watch"):
        ended = runner.gitlab(pipeline[name], pipeline, on_branch)
        assert ended.code == 0, ended.output
