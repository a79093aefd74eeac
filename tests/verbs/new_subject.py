"""A champion is asked about something that it was never trained on. Test data."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

from fullturn.core.entities import Feedback, Prediction
from fullturn.serving.log import PredictionLog
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from tests.verbs.conftest import TOML

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


def be_asked(root: Path) -> None:
    """Turn a project once, and have its champion asked about something new."""
    one = TOML.replace("[experiment]", "[experiment]\ncandidates = 1")
    (root / "fullturn.toml").write_text(one + SETTINGS)
    project = Workspace.open(root)
    turn(project)
    time.sleep(1.1)  # the history counts in seconds, and this traffic came later
    with PredictionLog(project.state) as log:
        for answer, judgement in traffic(240):
            log.append([answer])
            log.append([judgement])
