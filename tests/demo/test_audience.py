"""The simulated audience: seeded, bounded, and honest about what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fullturn.demo.audience import Audience, Question, TrafficProfile
from fullturn.serving import log
from fullturn.verbs.serve import server
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from tests.conftest import free_port
from tests.verbs.toy import messages

pytestmark = pytest.mark.slow
MANNERS = TrafficProfile(seed=1, rate=400.0, delay=3)


def questions(seed: int) -> list[Question]:
    return [
        Question({"text": row["text"]}, {"label": row["label"], "channel": row["channel"]})
        for row in messages(50, seed=seed)
    ]


def test_it_asks_judges_and_turns_to_other_subjects(project: Workspace) -> None:
    list(turn(project))
    pools = {"known": questions(2), "new": questions(3)}
    with (
        server(project, port=0) as address,
        Audience(address, pools, project.state, MANNERS) as audience,
    ):
        first = audience.wait_for(60)
        audience.switch_to("new")
        second = audience.wait_for(60)
    assert first.failed == second.failed == 0
    assert second.asked >= 120 and second.judged > 20
    asked = log.predictions(project.state)
    new = {question.input["text"] for question in pools["new"]}
    assert asked[0].input["text"] not in new and asked[-1].input["text"] in new
    assert {one.source for one in log.feedback(project.state)} >= {"reviewer-1"}
    assert log.find(project.state, second.last).key.startswith("user-")


def test_a_server_that_is_gone_is_counted(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with Audience(address, {"known": questions(2)}, tmp_path, MANNERS) as audience:
        seen = audience.wait_for(5)
    assert seen.failed == seen.asked >= 5
