"""A runner in the small: does what GitHub's and GitLab's runners do with a job's steps.

Checkouts are real clones of a bare origin, `run` steps are run by bash with the variables that a
runner sets, and nothing of this process' own environment but the path. Of the actions, only what
the generated workflows use is done here, in Python.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as nobody in particular; returns what it prints."""
    who = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    command = ["git", "-C", str(folder), *who, *words]
    environment = {**os.environ, **_GIT}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


@dataclass(frozen=True)
class Event:
    """What a platform runs a workflow for."""

    name: str
    ref: str
    """That is checked out, in the origin."""
    contexts: Mapping[str, Any]
    """What expressions may name: github, vars, secrets."""
    variables: Mapping[str, str]
    """What the platform sets for every step."""


@dataclass
class Step:
    """A step as it ended."""

    name: str
    code: int | None
    """None if it was skipped."""
    output: str = ""


@dataclass
class Runner:
    """Machines with nothing but git, Python and, for speed, fullturn's dependencies on disk."""

    home: Path
    origin: Path
    wheels: Path
    """Folder of fullturn's wheel: the only package index there is."""
    installed: Path
    """Folder of the installed dependencies."""
    artifacts: Path = field(init=False)
    summary: Path = field(init=False)
    jobs: int = 0

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.artifacts = self.home / "artifacts"
        self.summary = self.home / "summary.md"

    def github(self, job: Mapping[str, Any], event: Event) -> list[Step]:
        """Run a job of a workflow on a fresh machine; returns all its steps."""
        if "if" in job and not holds(job["if"], event.contexts):
            return []
        machine = self._machine(event)
        contexts = {**event.contexts, "runner": {"temp": machine.temp}}
        shared = {key: resolved(value, contexts) for key, value in job.get("env", {}).items()}
        ended: list[Step] = []
        for step in job["steps"]:
            failed = any(one.code for one in ended)
            if failed and step.get("if") != "always()":
                ended.append(Step(step.get("name", step.get("uses")), None))
            elif "uses" in step:
                ended.append(self._action(step, machine, contexts))
            else:
                own = {key: resolved(value, contexts) for key, value in step.get("env", {}).items()}
                ended.append(machine.shell(step["name"], [step["run"]], {**shared, **own}))
        return ended

    def gitlab(self, job: Mapping[str, Any], pipeline: Mapping[str, Any], event: Event) -> Step:
        """Run a job's scripts on a fresh machine, the one after it too, and keep its artifacts."""
        machine = self._machine(event)
        machine.checkout(self.origin, event.ref, str(pipeline["variables"].get("GIT_DEPTH", 20)))
        machine.python(self.installed)
        before = pipeline["default"]["before_script"]
        variables = {key: str(value) for key, value in pipeline["variables"].items()}
        ended = machine.shell("script", [*before, *job["script"]], variables)
        machine.shell("after_script", job.get("after_script", []), variables)
        for path in job.get("artifacts", {}).get("paths", []):
            self._keep(machine.workspace / path, self.artifacts / path)
        return ended

    def _machine(self, event: Event) -> Machine:
        self.jobs += 1
        place, python = self.home / f"job-{self.jobs}", self.home.parent / "python"
        return Machine(place, python, self.wheels, self.summary, event.variables)

    def _action(self, step: Mapping[str, Any], machine: Machine, contexts: Any) -> Step:
        name = re.match(r"actions/([a-z-]+)@", step["uses"])
        assert name, step
        given = {key: resolved(value, contexts) for key, value in step.get("with", {}).items()}
        match name[1]:
            case "checkout":
                ref = given.get("ref") or contexts["github"]["ref"]
                machine.checkout(self.origin, ref, given.get("fetch-depth", "1"))
            case "setup-python":
                machine.python(self.installed)
            case "cache":  # of an empty one
                pass
            case "upload-artifact":
                source = machine.workspace / given["path"]
                if not (source.exists() and any(source.iterdir())):
                    return Step(name[1], 1, f"no files at {given['path']}")
                self._keep(source, self.artifacts / given["name"])
            case "download-artifact":
                self._keep(self.artifacts / given["name"], Path(given["path"]))
            case _:
                raise AssertionError(step)
        return Step(name[1], 0)

    def _keep(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


@dataclass
class Machine:
    """One machine, for one job."""

    home: Path
    environment: Path
    """Of Python, made by the first job that needs it and kept, as runners of one's own do."""
    wheels: Path
    summary: Path
    variables: Mapping[str, str]

    def __post_init__(self) -> None:
        self.temp.mkdir(parents=True)

    @property
    def workspace(self) -> Path:
        return self.home / "work"

    @property
    def temp(self) -> Path:
        return self.home / "temp"

    def checkout(self, origin: Path, ref: str, depth: str) -> None:
        """The commit that `ref` names, on no branch; with depth 0 all branches and history too."""
        self.workspace.mkdir(exist_ok=True)
        git(self.workspace, "init", "--quiet")
        git(self.workspace, "remote", "add", "origin", origin.as_uri())
        all_of_it = ["+refs/heads/*:refs/remotes/origin/*"]
        wanted = all_of_it if depth == "0" else [f"--depth={depth}"]
        git(self.workspace, "fetch", "--quiet", "origin", *wanted, f"+{ref}:refs/event")
        git(self.workspace, "checkout", "--quiet", "--detach", "refs/event")

    def python(self, installed: Path) -> None:
        """An environment of Python, to which the installed dependencies are added."""
        if self.environment.exists():
            return
        words = [sys.executable, "-m", "venv", "--without-pip", str(self.environment)]
        subprocess.run(words, check=True, capture_output=True)
        [packages] = self.environment.glob("lib/python*/site-packages")
        (packages / "installed.pth").write_text(f"{installed}\n")

    def shell(self, name: str, lines: list[str], variables: Mapping[str, str]) -> Step:
        """Run lines in one bash that stops at the first failure; what is installed is not again."""
        script = "\n".join(line for line in lines if line not in self._installed())
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(
            words,
            cwd=self.workspace,
            env={**self._variables(), **self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode == 0:
            installs = [line for line in lines if line.startswith("python -m pip install ")]
            self._installs.write_text("\n".join({*self._installed(), *installs}))
        return Step(name, done.returncode, done.stdout)

    @property
    def _installs(self) -> Path:
        return self.environment / "installs"

    def _installed(self) -> list[str]:
        return self._installs.read_text().splitlines() if self._installs.exists() else []

    def _variables(self) -> dict[str, str]:
        return {
            **_GIT,
            "PATH": f"{self.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "CI": "true",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_ENV": str(self.temp / "env"),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "OMP_NUM_THREADS": "1",
        }


def dependencies(folder: Path) -> Path:
    """A folder with all that is installed here but fullturn itself: links, nothing is copied."""
    import click

    folder.mkdir()
    for entry in Path(click.__file__).parents[1].iterdir():
        if "fullturn" not in entry.name and entry.suffix != ".pth" and entry.name != "__pycache__":
            (folder / entry.name).symlink_to(entry)
    return folder


def wheel(folder: Path) -> Path:
    """A folder with fullturn's wheel, built from the checkout."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder


def workflow(project: Path, name: str) -> dict[str, Any]:
    """The jobs of a workflow on GitHub."""
    text = (project / ".github" / "workflows" / f"{name}.yml").read_text()
    return dict(yaml.safe_load(text)["jobs"])


def resolved(value: Any, contexts: Mapping[str, Any]) -> str:
    """A value of a workflow with its expressions replaced: names, texts, and `or`."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _either(found[1], contexts), str(value))


def holds(condition: str, contexts: Mapping[str, Any]) -> bool:
    """Whether a job's condition holds: comparisons, joined by `and`."""

    def one(text: str) -> bool:
        left, sign, right = re.split(r"\s*(==|!=)\s*", text.strip())
        return (_named(left, contexts) == _named(right, contexts)) == (sign == "==")

    return all(one(text) for text in condition.split("&&"))


def _either(text: str, contexts: Mapping[str, Any]) -> str:
    return next(filter(None, _values(text, contexts)), "")


def _values(text: str, contexts: Mapping[str, Any]) -> Iterator[str]:
    for part in text.split("||"):
        yield _named(part.strip(), contexts)


def _named(text: str, contexts: Mapping[str, Any]) -> str:
    if text.startswith("'"):
        return text.strip("'")
    assert re.fullmatch(r"[\w.]+", text), text
    found: Any = contexts
    for name in text.split("."):
        found = found.get(name, "") if isinstance(found, Mapping) else ""
    return str(found)
