"""What an answer was worth: an app that cannot score is heard, not taken for a missing label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.entities import Example, Feedback, Output, Prediction
from fullturn.serving.log import PredictionLog
from fullturn.serving.observations import Observer

LABEL = {"label": "long"}


class Scorer:
    """Scores by a function, which tests spoil."""

    def __init__(self, call: Callable[[Example, Output], Any]) -> None:
        self.call = call

    def score(self, row: Example, output: Output) -> Any:
        return self.call(row, output)


RIGHT = Scorer(lambda row, output: {"accuracy": float(row.expected["label"] == output["label"])})


def prediction(number: int, output: Output | None = None, **changes: Any) -> Prediction:
    given = {"label": "long"} if output is None and not changes.get("error") else output
    made = Prediction(f"{number:032x}", 0, 1, "champion", 1, "u", {"text": "x"}, given, 0.1)
    return replace(made, **changes)


def said(of: Prediction, expected: Any = None, score: float | None = None) -> Feedback:
    return Feedback(of.id, 0, 2, expected, score, "tester")


def observed(
    state: Path, scorer: Scorer, *entries: Prediction | Feedback
) -> list[tuple[float, str | None]]:
    """The losses that come of these entries of a log, and why one could not be had."""
    with PredictionLog(state) as log:
        log.append(list(entries))
    read = Observer(state, scorer, 0).read()
    return [(one.loss, one.unscored) for one in read if one.loss is not None]


def broken(row: Example, output: Output) -> Any:
    raise KeyError(row.expected["label"])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (broken, "score() raised KeyError('long')"),
        (lambda row, output: {"accuracy": float("nan")}, "is nan, not within [0, 1]"),
        (lambda row, output: {"accuracy": 1.5}, "is 1.5, not within [0, 1]"),
        (lambda row, output: {"accuracy": -0.1}, "is -0.1, not within [0, 1]"),
        (lambda row, output: {}, "gave no score"),
        (lambda row, output: None, "score() raised AttributeError"),
        (lambda row, output: {"accuracy": "good"}, "score() raised ValueError"),
    ],
)
def test_an_answer_that_the_app_cannot_score_is_an_observation_that_says_why(
    tmp_path: Path, call: Callable[[Example, Output], Any], reason: str
) -> None:
    one = prediction(1)
    [(loss, unscored)] = observed(tmp_path, Scorer(call), one, said(one, LABEL))
    assert loss == 1.0
    assert unscored is not None and reason in unscored and one.id in unscored


def test_what_can_be_scored_and_what_nobody_judged_is_as_before(tmp_path: Path) -> None:
    right, wrong, rated, silent, failed = (
        prediction(1),
        prediction(2, {"label": "short"}),
        prediction(3),
        prediction(4),
        prediction(5, error="AppError: it broke"),
    )
    found = observed(
        tmp_path,
        RIGHT,
        *(right, wrong, rated, silent, failed),
        *(said(right, LABEL), said(wrong, LABEL), said(rated, score=0.25), said(failed, LABEL)),
    )
    assert found == [(0.0, None), (1.0, None), (0.75, None), (1.0, None)]
    assert silent.id not in {one.id for one in (right, wrong, rated, failed)}


def test_the_copy_of_a_shadow_is_scored_by_the_same_label(tmp_path: Path) -> None:
    one = prediction(1)
    copy = prediction(2, {"label": "short"}, arm="shadow", copy_of=one.id)
    assert observed(tmp_path, RIGHT, one, said(one, LABEL), copy) == [(0.0, None), (1.0, None)]


def test_a_declared_loss_is_clipped_and_says_so(tmp_path: Path) -> None:
    class Costly(Scorer):
        def loss(self, row: Example, output: Output) -> float:
            return float(row.expected["cost"])

    one, two = prediction(1), prediction(2)
    entries = [one, two, said(one, {"cost": 0.25}), said(two, {"cost": 4.0})]
    with PredictionLog(tmp_path) as log:
        log.append(entries)
    read = Observer(tmp_path, Costly(broken), 0).read()
    assert [(o.loss, o.clipped) for o in read if o.loss is not None] == [(0.25, False), (1.0, True)]
