"""A turn is killed, at every stage and at random: the next one ends where a whole one would."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from fullturn.registry import promotion
from fullturn.verbs import monitor, retrain
from fullturn.verbs.parts.candidate import usable_runs
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.verbs.turning import counted, ended, turning
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FULLTURN_KILLS", "8"))
"""At random moments; a night may take more of them."""


def state(root: Path) -> dict[str, Any]:
    """What a turn leaves behind, without ids and times."""
    from fullturn.verbs import data

    project = Workspace.open(root)
    feedback = (root / ".fullturn" / "feedback.jsonl").read_text().splitlines()
    runs = usable_runs(project, data.log(project)[-1].version)
    return {
        "data": [version.digest for version in data.log(project)],
        "feedback": sorted(feedback),
        "searched": sorted(run.tags["fullturn.search.place"] for run in runs),
        "versions": [v.tags["fullturn.data"] for v in project.store.versions("toy")],
        "champions": [e.version for e in promotion.history(project.store) if e.effective],
        "alias": project.store.alias("toy", "champion"),
        "alarms": sorted(run.tags["fullturn.alarm"] for run in monitor.alarms(project)),
        "retraining": [
            run.tags["fullturn.outcome"]
            for run in project.store.runs(retrain.KIND)
            if "fullturn.outcome" in run.tags
        ],
        "open": [run.name for run in project.store.runs(status="RUNNING")],
    }


@pytest.fixture(scope="module")
def expected(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state after one whole turn."""
    root = copied(pristine, tmp_path_factory.mktemp("whole") / "project")
    assert ended(root) == 0
    found = state(root)
    assert found["champions"] == [1, 2] and found["retraining"] == ["PASSED"]
    assert len(found["data"]) == 2 and found["alarms"] and not found["open"]
    return found


def test_a_second_turn_changes_nothing(
    pristine: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    root = copied(pristine, tmp_path / "project")
    assert ended(root) == 0 and ended(root) == 0
    assert state(root) == expected


@pytest.mark.parametrize("steps", range(1, 8))
def test_killed_between_stages(
    pristine: Path, expected: dict[str, Any], tmp_path: Path, steps: int
) -> None:
    root = copied(pristine, tmp_path / "project")
    turning(root, steps=steps).join(PATIENCE)
    assert ended(root) == 0
    assert state(root) == expected


def test_killed_at_random_moments(pristine: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    draw = random.Random(11)
    moments = counted(copied(pristine, tmp_path / "counted"))
    assert moments > 1000
    for trial in range(KILLS):
        root = copied(pristine, tmp_path / f"{trial}")
        process = turning(root, moment=1 + int(draw.random() * 0.9 * moments))
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL, trial
        assert ended(root) == 0, trial
        assert state(root) == expected, trial
        shutil.rmtree(root)


def test_of_two_at_once_one_works_and_the_other_says_who(
    pristine: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    root = copied(pristine, tmp_path / "project")
    both = [turning(root) for _ in range(2)]
    for process in both:
        process.join(PATIENCE)
    assert sorted(process.exitcode or 0 for process in both) == [0, 1]
    assert state(root) == expected
