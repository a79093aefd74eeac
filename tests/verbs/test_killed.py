"""A turn is killed, at every stage and at random: the next one ends where a whole one would."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.entities import Feedback, Prediction
from fullturn.registry import promotion
from fullturn.serving.log import PredictionLog
from fullturn.verbs import monitor, retrain
from fullturn.verbs.candidate import usable_runs
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from tests.verbs.conftest import TOML, moved, new_project
from tests.verbs.turning import ended, turning

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FULLTURN_KILLS", "8"))
"""At random times; a night may take more of them."""
SETTINGS = """
[monitoring]
arl = 1000

[retraining]
cost = 10.0
wrong_answer = 1.0
candidates = 2
"""
NEW = "hamster guinea rabbit parrot turtle goldfish kitten puppy".split()
"""A subject that the toy has never seen; its users call it an account matter. Test data."""


def traffic(count: int) -> Iterator[tuple[Prediction, Feedback]]:
    """What the champion answered to the new subject, all wrong, and what was right."""
    draw, now = random.Random(3), time.time_ns() // 1_000_000
    for n in range(count):
        one, other = draw.sample(NEW, 2)
        row = {"text": f"the {one} ate my {other} nr {draw.randrange(10_000)} by chat"}
        answer = Prediction(
            f"{n:032x}", 0, now, "champion", 1, f"user {n}", row, {"label": "billing"}, 0.001
        )
        right = {"label": "account", "channel": "chat"}
        yield answer, Feedback(answer.id, 0, now, right, None, f"tester {n % 8}")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A champion that was asked about something new: the next turn goes through every stage."""
    root = new_project(tmp_path_factory.mktemp("killed"), empty_database)
    one = TOML.replace("[experiment]", "[experiment]\ncandidates = 1")
    (root / "fullturn.toml").write_text(one + SETTINGS)
    project = Workspace.open(root)
    list(turn(project))
    time.sleep(1.1)  # the history counts in seconds, and this traffic came later
    with PredictionLog(project.state) as log:
        for answer, judgement in traffic(240):
            log.append([answer])
            log.append([judgement])
    return root


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
    root = moved(pristine, tmp_path_factory.mktemp("whole") / "project")
    assert ended(root) == 0
    found = state(root)
    assert found["champions"] == [1, 2] and found["retraining"] == ["PASSED"]
    assert len(found["data"]) == 2 and found["alarms"] and not found["open"]
    return found


def test_a_second_turn_changes_nothing(
    pristine: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    root = moved(pristine, tmp_path / "project")
    assert ended(root) == 0 and ended(root) == 0
    assert state(root) == expected


@pytest.mark.parametrize("steps", range(1, 8))
def test_killed_between_stages(
    pristine: Path, expected: dict[str, Any], tmp_path: Path, steps: int
) -> None:
    root = moved(pristine, tmp_path / "project")
    turning(root, steps).join(120)
    assert ended(root) == 0
    assert state(root) == expected


def test_killed_at_random_times(pristine: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    draw, cut = random.Random(11), 0
    began = time.monotonic()
    root = moved(pristine, tmp_path / "timed")
    ended(root)
    length = time.monotonic() - began
    for trial in range(KILLS):
        root = moved(pristine, tmp_path / f"{trial}")
        process = turning(root)
        time.sleep(draw.random() * length)
        process.kill()
        process.join(60)
        cut += process.exitcode == -signal.SIGKILL
        assert ended(root) == 0, trial
        assert state(root) == expected, trial
        shutil.rmtree(root)
    assert cut >= KILLS / 2


def test_of_two_at_once_one_works_and_the_other_says_who(
    pristine: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    root = moved(pristine, tmp_path / "project")
    both = [turning(root) for _ in range(2)]
    for process in both:
        process.join(120)
    assert sorted(process.exitcode or 0 for process in both) == [0, 1]
    assert state(root) == expected
