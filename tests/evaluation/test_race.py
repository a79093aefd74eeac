"""The race: whom it stops, whom it lets finish, and how often it errs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import pytest

from fullturn.core.entities import Dataset, Example, Output, Scores
from fullturn.core.settings import ExperimentSettings
from fullturn.evaluation.race import LOOK, Race, race
from tests.evaluation.test_scoring import Echo, app, ignore
from tests.gates.candidates import DATA

MEMBERS = 2
GROUPS = 60
SETTINGS = ExperimentSettings()


def dataset(names: Iterable[str]) -> Dataset:
    """One validation row for each name `group.member`."""
    rows = [Example(name, {"id": name}, {}, name.split(".")[0], "validation") for name in names]
    return Dataset(DATA, tuple(rows))


def run(
    scores: dict[str, float], best: dict[str, float] | None, seed: int = 7
) -> tuple[Race, list[str]]:
    """Race a candidate with these scores, by row; also the rows asked, in order."""
    asked: list[str] = []

    def predict(rows: object) -> list[dict[str, str]]:
        asked.extend(row["id"] for row in rows)  # type: ignore[attr-defined]
        return list(rows)  # type: ignore[call-overload]

    scored = app(lambda example, _: {"right": scores[example.id]})
    settings = SETTINGS.model_copy(update={"seed": seed})
    lost = None if best is None else {name: 1 - score for name, score in best.items()}
    raced = race(scored, Echo(predict), dataset(scores), lost, "candidate", settings, ignore)
    return raced, asked


def rows(draw: random.Random, share: float) -> dict[str, float]:
    """Scores by row; rows of a group are right or wrong together."""
    groups = [float(draw.random() < share) for _ in range(GROUPS)]
    return {f"g{g}.{m}": right for g, right in enumerate(groups) for m in range(MEMBERS)}


def test_every_look_is_logged_with_its_evidence() -> None:
    draw, seen = random.Random(0), dict[int, Mapping[str, float]]()
    scores = rows(draw, 0.5)
    scored = app(lambda example, _: {"right": scores[example.id]})
    lost = {name: 1 - score for name, score in scores.items()}
    raced = race(scored, Echo(), dataset(scores), lost, "same", SETTINGS, seen.__setitem__)
    assert list(seen) == list(range(LOOK, GROUPS + 1, LOOK))
    first = raced.evaluation.rows[:GROUPS]
    mean = sum(row.scores["right"] for row in first) / GROUPS
    assert seen[GROUPS] == {"race.score": mean, "race.e_value": raced.e_value}


def test_a_stopped_candidate_s_score_counts_each_group_by_its_rows() -> None:
    scores = {f"big{g}.{m}": 0.0 for g in range(30) for m in range(3)}
    scores |= {f"small{g}.0": 1.0 for g in range(30)}
    raced, asked = run(scores, dict.fromkeys(scores, 1.0))
    small = sum(name.startswith("small") for name in asked)
    assert raced.stopped and 0 < small < len(asked)
    expected = small / (small + 3 * (len(asked) - small))
    assert raced.mean("right") == pytest.approx(expected)
    assert raced.interval.low < raced.interval.estimate == pytest.approx(expected)


def test_one_row_of_each_group_is_asked_before_any_second_one() -> None:
    found, asked = run(rows(random.Random(1), 0.5), None)
    assert len({name.split(".")[0] for name in asked[:GROUPS]}) == GROUPS
    assert sorted(asked) == sorted(rows(random.Random(1), 0.5))
    assert not found.stopped and (found.groups, found.of_groups) == (GROUPS, GROUPS)


def test_a_much_worse_candidate_stops_after_few_groups() -> None:
    best = rows(random.Random(2), 1.0)
    found, asked = run(dict.fromkeys(best, 0.0), best)
    assert found.stopped and found.groups == len(asked) <= 12
    assert found.e_value >= 1 / SETTINGS.race_alpha
    assert len(found.evaluation.rows) == found.groups


def test_the_order_follows_the_seed() -> None:
    scores = rows(random.Random(3), 0.5)
    assert run(scores, None, seed=1)[1] == run(scores, None, seed=1)[1]
    assert run(scores, None, seed=1)[1] != run(scores, None, seed=2)[1]


def test_an_equal_candidate_is_stopped_no_more_often_than_declared() -> None:
    draw = random.Random(4)
    stopped = sum(
        run(rows(draw, 0.6), rows(draw, 0.6), seed=number)[0].stopped for number in range(300)
    )
    # 300 races at a rate of `race_alpha` = 0.05 exceed 25 with probability below 0.01.
    assert SETTINGS.race_alpha == 0.05
    assert stopped <= 25


def test_a_declared_loss_decides_instead_of_the_score() -> None:
    class Costly:
        def score(self, row: Example, output: Output) -> Scores:
            return {"near": 1.0}

        def loss(self, row: Example, output: Output) -> float:
            return 3.0

    names = rows(random.Random(5), 1.0)
    raced = race(Costly(), Echo(), dataset(names), dict.fromkeys(names, 0.0), "x", SETTINGS, ignore)
    assert raced.stopped
    assert raced.evaluation.clipped == 1.0
