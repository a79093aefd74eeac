"""Scoring examples: what an app may answer, and what happens to what it may not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import pytest

from fullturn.core.entities import Dataset, Example, Input, Output, Scores
from fullturn.core.errors import AppError, BundleError, DataError
from fullturn.core.settings import ExperimentSettings
from fullturn.evaluation.race import race
from fullturn.evaluation.scoring import BATCH, evaluate
from fullturn.subjects.protocols import Scorer
from tests.gates.candidates import DATA

SETTINGS = ExperimentSettings()
Predict = Callable[[Sequence[Input]], Sequence[Output]]


def examples(count: int = BATCH) -> list[Example]:
    return [
        Example(f"row-{n}", {"n": n}, {"n": n}, f"group-{n // 2}", "test") for n in range(count)
    ]


def right(example: Example, output: Output) -> Scores:
    return {"right": float(output == example.expected), "certain": 1.0}


def app(score: Callable[[Example, Output], object] = right) -> Scorer:
    """An app of which only the scoring matters."""
    return cast(Scorer, type("Scored", (), {"score": staticmethod(score)})())


def ignore(step: int, metrics: Mapping[str, float]) -> None:
    """A log that keeps nothing."""


class Echo:
    """Answers a batch by a function; with the input itself if none is given."""

    def __init__(self, predict: Predict = list) -> None:
        self.predict = predict


def test_rows_come_back_in_order_with_what_was_asked_answered_and_scored() -> None:
    wrong = {40: {"n": -1}}
    asked = examples(2 * BATCH + 1)
    found = evaluate(
        app(), Echo(lambda rows: [wrong.get(row["n"], row) for row in rows]), asked, "ours", DATA
    )
    assert [(row.id, row.group, row.input) for row in found.rows] == [
        (example.id, example.group, example.input) for example in asked
    ]
    assert found.expected_rows == len(asked)
    assert found.metrics == ("right", "certain")
    assert [row.id for row in found.rows if row.scores["right"] == 0] == ["row-40"]
    assert found.rows[40].output == {"n": -1}
    assert all(row.latency > 0 for row in found.rows)


def test_too_few_outputs_leave_their_batch_out_and_the_missing_rows_countable() -> None:
    def lose_one(rows: Sequence[Input]) -> Sequence[Output]:
        return rows[1:] if rows[0]["n"] == BATCH else rows

    found = evaluate(app(), Echo(lose_one), examples(3 * BATCH), "ours", DATA)
    assert [row.input["n"] for row in found.rows] == [*range(BATCH), *range(2 * BATCH, 3 * BATCH)]
    assert found.expected_rows == 3 * BATCH


def test_too_many_outputs_leave_their_batch_out() -> None:
    found = evaluate(app(), Echo(lambda rows: [*rows, rows[0]]), examples(), "ours", DATA)
    assert (found.rows, found.expected_rows) == ((), BATCH)


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.01, 1.01])
def test_a_score_outside_0_to_1_is_the_app_s_error(score: float) -> None:
    def odd(example: Example, output: Output) -> Scores:
        return {"right": 1.0, "certain": score if example.id == "row-3" else 0.5}

    with pytest.raises(AppError, match=rf"'certain' of row 'row-3' is {score}"):
        evaluate(app(odd), Echo(), examples(), "ours", DATA)


@pytest.mark.parametrize("names", [["right"], ["right", "certain", "more"], ["certain", "right"]])
def test_a_row_with_other_scores_than_the_first_is_the_app_s_error(names: list[str]) -> None:
    def odd(example: Example, output: Output) -> Scores:
        last = example.id == f"row-{BATCH}"
        return dict.fromkeys(names if last else ["right", "certain"], 1.0)

    with pytest.raises(AppError) as raised:
        evaluate(app(odd), Echo(), examples(2 * BATCH), "ours", DATA)
    assert f"row 'row-{BATCH}' has the scores {names}, row 'row-0'" in str(raised.value)
    raced = Dataset(DATA, tuple(replace(e, split="validation") for e in examples(2 * BATCH)))
    with pytest.raises(AppError, match=f"row 'row-{BATCH}'|row 'row-0'"):
        race(app(odd), Echo(), raced, None, "ours", SETTINGS, ignore)


def test_a_row_without_scores_is_the_app_s_error() -> None:
    with pytest.raises(AppError, match="no score for row 'row-0'"):
        evaluate(app(lambda example, output: {}), Echo(), examples(), "ours", DATA)


def test_a_predictor_that_raises_is_an_error_that_names_the_batch() -> None:
    def break_late(rows: Sequence[Input]) -> Sequence[Output]:
        if rows[0]["n"] >= BATCH:
            raise KeyError("weights")
        return rows

    with pytest.raises(AppError, match=rf"KeyError\('weights'\) on a batch from row 'row-{BATCH}'"):
        evaluate(app(), Echo(break_late), examples(2 * BATCH), "ours", DATA)


@pytest.mark.parametrize("score", [lambda example, output: output["label"], lambda *_: "right"])
def test_a_score_that_raises_or_is_no_scores_names_the_row(score: Callable[..., object]) -> None:
    with pytest.raises(AppError, match=r"score\(\) raised .* on row 'row-0'"):
        evaluate(app(score), Echo(), examples(), "ours", DATA)


def test_an_error_of_fullturn_s_own_passes_unchanged() -> None:
    def refuse(rows: Sequence[Input]) -> Sequence[Output]:
        raise BundleError("its files have changed")

    with pytest.raises(BundleError, match=r"^its files have changed$"):
        evaluate(app(), Echo(refuse), examples(), "ours", DATA)


def test_a_model_that_does_not_take_our_rows_is_at_fault_and_the_batch_is_named() -> None:
    def refuse(rows: Sequence[Input]) -> Sequence[Output]:
        raise DataError("column 'n' is missing")

    with pytest.raises(AppError, match=r"column 'n' is missing \(asked a batch from row 'row-0'\)"):
        evaluate(app(), Echo(refuse), examples(), "ours", DATA)


def test_no_examples_is_an_error_that_names_the_data() -> None:
    with pytest.raises(DataError, match="'questions' version 4 has no rows"):
        evaluate(app(), Echo(), [], "ours", DATA)
