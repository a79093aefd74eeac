"""The verdict of a release on outcomes that others collected."""

from __future__ import annotations

import random

import pytest

from fullturn.core.errors import UsageError
from fullturn.release.judging import Judge, JudgeTerms, Ruling
from fullturn.statistics.intervals import wilson

TRIALS = 80
"""Simulated judgements of each kind."""
ONE = JudgeTerms(minimum=1)


def paired(rng: random.Random, rate: float, worse: float, terms: JudgeTerms, most: int) -> Ruling:
    """Requests of which both versions fail on some together, until a decision."""
    judge, common = Judge(terms, "shadow"), rate / 2
    for _ in range(most):
        both = rng.random() < common
        ours = both or rng.random() < rate - common + worse
        theirs = both or rng.random() < rate - common
        judge.pair({"outcome": float(ours)}, {"outcome": float(theirs)})
        if judge.decided:
            break
    return judge.ruling()


def in_arms(rng: random.Random, rate: float, worse: float, terms: JudgeTerms, most: int) -> Ruling:
    """Users of one arm each, who differ in how often they meet a failure."""
    judge = Judge(terms, "canary")
    for number in range(most):
        tested, bad = number % 2 == 1, rng.choice((rate / 2, 1.5 * rate))
        for _ in range(rng.choice((1, 1, 3))):
            outcome = float(rng.random() < bad + worse * tested)
            judge.answer(tested, f"user {number}", {"outcome": outcome})
        if judge.decided:
            break
    return judge.ruling()


@pytest.mark.parametrize("simulate", [paired, in_arms])
def test_declared_error_rates_are_those_measured(simulate: type) -> None:
    terms = JudgeTerms(margin=0.05, alpha=0.05, minimum=50)
    equal = [simulate(random.Random(n), 0.1, 0.0, terms, 250) for n in range(TRIALS)]
    at_margin = [simulate(random.Random(n), 0.1, 0.05, terms, 250) for n in range(TRIALS)]
    rollbacks = sum(one.action == "roll back" for one in equal)
    promotions = sum(one.action == "promote" for one in at_margin)
    assert wilson(rollbacks, TRIALS).low <= terms.alpha
    assert wilson(promotions, TRIALS).low <= terms.alpha


def test_a_break_is_found_and_an_equal_version_is_promoted() -> None:
    found = [paired(random.Random(n), 0.05, 0.3, JudgeTerms(), 1000) for n in range(30)]
    assert {one.action for one in found} == {"roll back"}
    assert max(one.requests for one in found) < 200
    equal = [paired(random.Random(n), 0.05, 0.0, JudgeTerms(), 2000) for n in range(30)]
    assert sum(one.action == "promote" for one in equal) >= 28


def test_nothing_is_promoted_before_the_minimum() -> None:
    judge = Judge(JudgeTerms(minimum=300), "shadow")
    for _ in range(299):
        judge.pair({"outcome": 0.0}, {"outcome": 0.0})
    assert not judge.decided
    assert "299 of 300 requests" in judge.ruling().reason
    judge.pair({"outcome": 0.0}, {"outcome": 0.0})
    assert judge.decided and judge.ruling().outcome == "PASSED"


def test_every_guardrail_must_be_shown_and_one_breach_rolls_back() -> None:
    terms = JudgeTerms(minimum=1, guardrails=("errors", "loss"))
    judge = Judge(terms, "shadow")
    for _ in range(100):
        judge.pair({"errors": 0.0, "loss": None}, {"errors": 0.0, "loss": None})
    assert not judge.decided
    assert "loss not shown: no labels yet" in judge.ruling().reason
    for _ in range(10):
        judge.pair({"errors": 0.0, "loss": 1.0}, {"errors": 0.0, "loss": 0.0})
    assert judge.decided
    assert judge.ruling().reason.startswith("worse on loss: loss 100 % against the champion's 0 %")


def test_outcomes_that_the_candidate_lacks_do_not_pass() -> None:
    judge = Judge(ONE, "shadow")
    for number in range(300):
        lost = number % 10 == 0
        judge.pair({"outcome": None if lost else 0.0}, {"outcome": 0.0})
    assert not judge.decided
    assert "30 of 300 requests lack the candidate's outcome" in judge.ruling().reason


def test_in_a_canary_only_what_the_candidate_lacks_more_often_blocks() -> None:
    judge = Judge(ONE, "canary")
    for number in range(600):
        judge.answer(number % 2 == 1, None, {"outcome": None if number % 20 < 10 else 0.0})
    assert judge.decided and judge.ruling().outcome == "PASSED"
    for _ in range(60):
        judge.answer(True, None, {"outcome": None})
    assert not judge.decided


@pytest.mark.parametrize(
    ("name", "value"),
    [("margin", 0.0), ("margin", 1.0), ("alpha", 0.5), ("minimum", 0), ("deadline_minutes", 0.0)],
)
def test_terms_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name.partition('_')[0]} = {value}"):
        JudgeTerms(**{name: value})  # type: ignore[arg-type]
