"""`fullturn.log`: predictions made elsewhere reach the prediction log, and monitoring."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fullturn
from fullturn.cli import run
from fullturn.core.errors import NotFound, UsageError
from fullturn.core.journal import waiting
from fullturn.registry.lineage import Lineage
from fullturn.serving import log
from fullturn.serving.external import JOURNAL
from fullturn.verbs.lineage import PredictionLineage
from fullturn.verbs.log import collect
from fullturn.verbs.workspace import Workspace
from tests.projects import copied


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of which only the settings are read."""
    (tmp_path / "fullturn.toml").write_text('name = "elsewhere"\napp = "classifier"\n')
    return tmp_path


def state(folder: Path) -> Path:
    return Workspace.open(folder).state


def _log(folder: Path, start: int) -> None:
    for number in range(start, start + 50):
        fullturn.log({"n": number}, {"label": "a"}, id=str(number), folder=folder)


def test_several_processes_log_at_once(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_log, args=(folder, 100 * n)) for n in range(2)]
    for one in writers:
        one.start()
    _log(folder / ".", 900)
    for one in writers:
        one.join()
    assert len(list(waiting(state(folder) / JOURNAL))) == 150


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "log an input with its output"),
        ({"id": "a"}, "log an input with its output"),
        ({"input": [1]}, r"input = \[1\]; pass a mapping"),
        ({"input": {}, "output": "spam"}, "output = 'spam'; pass a mapping, such as {'label'"),
        ({"input": {"x": object()}}, "is not JSON"),
        ({"input": {}, "score": 1.5}, "score = 1.5; pass a number from 0"),
        ({"input": {}, "id": ""}, "pass a text of 1 to 200"),
        ({"input": {}, "id": 7}, "id = 7; pass a text of 1 to 200"),
        ({"input": {}, "score": "good"}, "score = 'good'; pass a number from 0"),
        ({"input": {}, "latency": "fast"}, "latency = 'fast'; pass seconds"),
        ({"input": {}, "latency": -1}, "latency = -1; pass seconds"),
        ({"input": {}, "time": "now"}, "time = 'now'; pass a datetime"),
        ({"input": {}, "version": "2"}, "version = '2'; pass a int"),
        ({"input": {}, "user": "anna"}, "unknown detail 'user'; known: key, version"),
    ],
)
def test_what_cannot_be_logged_is_refused(folder: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        fullturn.log(**given, folder=folder)
    assert not list(waiting(state(folder) / JOURNAL))


def test_without_a_project_nothing_is_logged(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        fullturn.log({"x": 1}, {}, folder=tmp_path)


@pytest.mark.slow
def test_monitor_reads_what_was_logged_under_the_champion_of_that_time(
    pristine: Path, tmp_path: Path
) -> None:
    project = Workspace.open(copied(pristine, tmp_path / "project"))
    root, before = project.root, fullturn.open(project.root).monitor()
    row = {project.subject.contract.text or "text": "what is a canary release?"}
    made = fullturn.log(row, {"answer": "a share", "score": np.float64(0.5)}, folder=root)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    early = fullturn.log(row, {"answer": "a bird"}, folder=root, time=old, key="anna")
    fullturn.log(id=made, score=1.0, folder=root)
    found = fullturn.open(root).lineage(made)
    assert isinstance(found, PredictionLineage) and found.lineage is not None
    assert found.prediction.version == found.lineage.version == before.version
    assert found.prediction.output == {"answer": "a share", "score": 0.5}
    after = fullturn.open(root).monitor()
    assert (after.requests, after.labelled) == (before.requests + 1, before.labelled + 1)
    assert log.find(project.state, early).version == 0
    assert collect(project) == 0
    from_before = fullturn.open(root).lineage(early)
    assert isinstance(from_before, PredictionLineage) and from_before.lineage is None


@pytest.mark.slow
def test_an_id_that_its_sender_chose_is_traced(
    pristine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = Workspace.open(copied(pristine, tmp_path / "project"))
    champion = project.store.registered(project.store.name).aliases["champion"]
    row = {project.subject.contract.text or "text": "what is a canary release?"}
    odd = 'models:/O\'Brien\x1b[31m "7" ../é'
    for number in ("order 7", str(champion), odd, "x" * 200):
        fullturn.log(row, {"answer": number}, id=number, folder=project.root)
    traced = fullturn.open(project.root).lineage
    for text, number in (("order 7", "order 7"), ("id:order 7", "order 7"), ("x" * 200, "x" * 200),
                         (f"id:{champion}", str(champion)), (f"id:{odd}", odd)):  # fmt: skip
        found = traced(text)
        assert isinstance(found, PredictionLineage)
        assert found.prediction.output == {"answer": number}
        assert found.lineage is not None and found.lineage.version == champion
    assert isinstance(traced(str(champion)), Lineage), "a version's number means the version"
    for text in ("order 8", "id:order 8", "x" * 201):
        with pytest.raises(NotFound):
            traced(text)
    monkeypatch.chdir(project.root)
    assert run(["lineage", f"id:{odd}"]) == 0
    assert "\x1b" not in (shown := capsys.readouterr().out) and "O'Brien\\x1b[31m" in shown
