"""Real projects around the toy app, on a SQLite tracking store: copies of tests/projects.py's."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.entities import RunRecord
from fullturn.verbs.workspace import Workspace
from tests.projects import copied

TOML = """\
name = "toy"
app = "tests.verbs.toy:Toy"

[data]
files = ["messages.csv"]
train_share = 0.3
validation_share = 0.3

[experiment]
owner = "tester"

[gates]
margin = 0.05
slice_floor = 0.4
behaviour_margin = 0.3
latency_p95_ms = 100.0
"""


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV file with these rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def changed(project: Workspace, before: str, after: str) -> Workspace:
    """The project with another setting."""
    path = project.root / "fullturn.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return Workspace.open(project.root)


@pytest.fixture
def project(committed_once: Path, tmp_path: Path) -> Workspace:
    """A project with one dataset version."""
    return Workspace.open(copied(committed_once, tmp_path / "project"))


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Workspace:
    """The same with a training run."""
    return Workspace.open(copied(trained_once, tmp_path / "project"))


@pytest.fixture
def gated(gated_once: Path, tmp_path: Path) -> Workspace:
    """The same with its gate's report: version 1, which nobody promoted."""
    return Workspace.open(copied(gated_once, tmp_path / "project"))


@pytest.fixture
def promoted(promoted_once: Path, tmp_path: Path) -> Workspace:
    """The same with version 1 as champion."""
    return Workspace.open(copied(promoted_once, tmp_path / "project"))


@pytest.fixture
def turned(turned_once: Path, tmp_path: Path) -> Workspace:
    """A project after its first turn: version 1 is champion, and nothing is due."""
    return Workspace.open(copied(turned_once, tmp_path / "project"))


def impatient(project: Workspace) -> Workspace:
    """The same with a limit for latency that the toy's fault `slow` breaks."""
    return changed(project, "latency_p95_ms = 100.0", "latency_p95_ms = 10.0")


def only_run(project: Workspace) -> RunRecord:
    """The training run of a project that has one."""
    [run] = project.store.runs("train")
    return run
