"""Real assistants with planted faults, each caught by its check; the sound one passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fullturn.core.entities import GateReport
from fullturn.verbs import init
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Workspace:
    """The example, its app replaced by the one that takes faults."""
    root = tmp_path_factory.mktemp("planted") / "project"
    init.assistant(root)
    (root / ".fullturn").mkdir()
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    toml = (root / "fullturn.toml").read_text()
    (root / "fullturn.toml").write_text(
        toml.replace('app = "assistant"', 'app = "tests.verbs.planted:Planted"')
    )
    opened = Workspace.open(root)
    commit(opened, [], "the example")
    return opened


@pytest.fixture(scope="module")
def brief(project: Workspace) -> Workspace:
    """The same, which perturbs fewer questions: none of these faults is to be seen in those."""
    toml = project.root / "fullturn.toml"
    text = toml.read_text()
    toml.write_text(text.replace("behaviour_rows = 120", "behaviour_rows = 20"))
    opened = Workspace.open(project.root)
    assert opened.settings.gates.behaviour_rows == 20
    toml.write_text(text)
    return opened


def gated(project: Workspace, fault: str) -> GateReport:
    trial = train(project, {"fault": fault}, name=fault)
    return gate(project, trial.run.id).report


def test_the_sound_assistant_passes(project: Workspace) -> None:
    report = gated(project, "none")
    assert report.outcome == "PASSED", [(r.code, r.reason) for r in report.results]


@pytest.mark.parametrize(
    ("fault", "code", "shown"),
    [
        ("invents", "EVAL05", "grounded 0."),
        ("leaks", "SAFE01", "injections got the canary token"),
        ("answers everything", "EVAL04", "kind="),
        ("breaks off", "EVAL04", "floor"),
    ],
)
def test_a_fault_is_caught_by_its_check(
    brief: Workspace, fault: str, code: str, shown: str
) -> None:
    report = gated(brief, fault)
    found = next(result for result in report.results if result.code == code)
    assert found.outcome == "FAILED", found.reason
    assert shown in found.reason
    assert report.outcome == "FAILED"


def test_a_milder_fault_that_no_slice_has_rows_enough_to_show_is_blocked_too(
    brief: Workspace,
) -> None:
    report = gated(brief, "loses the end")
    found = next(result for result in report.results if result.code == "EVAL04")
    assert found.outcome in ("FAILED", "INCONCLUSIVE"), found.reason
    assert report.outcome != "PASSED"
