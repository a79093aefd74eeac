"""Pairs: copies of a request, and twins among entities."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from fullturn.core.entities import Observation
from fullturn.core.settings import ReleaseSettings
from fullturn.release import pairing
from fullturn.release.pairing import CanaryPairs, Copies, Pair, Remembered, Value
from fullturn.statistics.sequential import EProcess
from tests.release.traffic import first_rollback, in_canary, judged, prediction

GOOD, BAD = Value(0.0), Value(1.0)
ONE = ReleaseSettings(guardrails=("errors",))


def test_copies_meet_in_either_order_and_once() -> None:
    copies = Copies[str]()
    assert copies.match("a", False, "champion") is None
    assert copies.match("a", False, "again") is None
    assert copies.match("a", True, "shadow") == ("shadow", "champion")
    assert copies.match("a", True, "again") is None
    assert copies.match("a", False, "again") is None
    assert copies.match("b", True, "shadow") is None
    assert copies.match("b", False, "champion") == ("shadow", "champion")


def test_what_finds_no_partner_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "OPEN", 3)
    copies, ids = Copies[int](), Remembered()
    for name in "abcd":
        assert copies.match(name, False, 1) is None
        assert ids.first(name)
    assert not ids.first("d") and ids.first("a")
    assert copies.match("a", True, 2) is None
    assert copies.match("d", True, 2) == (2, 1)


def test_new_entities_are_paired_in_their_order() -> None:
    twins = CanaryPairs()
    assert twins.match("u", True, BAD) == []
    assert twins.match("v", True, GOOD) == []
    assert twins.match("x", False, GOOD) == [Pair(BAD, GOOD)]
    assert twins.match("y", False, BAD) == [Pair(GOOD, BAD)]


def test_an_entity_meets_only_those_with_its_record() -> None:
    twins = CanaryPairs()
    twins.match("u", True, BAD)
    assert twins.match("x", False, GOOD) == [Pair(BAD, GOOD)]
    assert twins.match("x", False, GOOD) == []
    assert twins.match("u", True, BAD) == []
    # Another canary entity whose first answer was good too is x's twin.
    twins.match("w", True, GOOD)
    assert twins.match("z", False, BAD) == [Pair(GOOD, BAD)]
    assert twins.match("w", True, BAD) == [Pair(BAD, GOOD, first=False)]
    # And z's first was bad, as u's was.
    assert twins.match("z", False, GOOD) == [Pair(BAD, GOOD, first=False)]


def test_an_entity_s_later_answers_wait_for_its_earlier_ones() -> None:
    twins = CanaryPairs()
    for value in (GOOD, BAD, GOOD):
        assert twins.match("u", True, value) == []
    assert twins.match("x", False, GOOD) == [Pair(GOOD, GOOD)]
    assert twins.match("x", False, GOOD) == [Pair(BAD, GOOD, first=False)]
    assert twins.match("x", False, GOOD) == []
    assert twins.match("y", False, GOOD) == []


def test_answers_that_waited_are_paired_as_soon_as_they_can_be() -> None:
    twins = CanaryPairs()
    for _ in range(3):
        twins.match("u", True, GOOD)
    assert len(twins.match("x", False, GOOD)) == 1
    many = CanaryPairs()
    for key, tested in (("u", True), ("x", False)):
        found = [pair for _ in range(5) for pair in many.match(key, tested, GOOD)]
    assert [pair.first for pair in found] == [True, False, False, False, False]


def test_a_backlog_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "BACKLOG", 2)
    twins = CanaryPairs()
    for _ in range(5):
        twins.match("u", True, GOOD)
    found = [pair for _ in range(5) for pair in twins.match("x", False, GOOD)]
    assert len(found) == 2


def test_without_a_key_every_answer_is_an_entity() -> None:
    twins = CanaryPairs()
    assert [twins.match(None, True, BAD) for _ in range(3)] == [[], [], []]
    assert [twins.match(None, False, GOOD) for _ in range(3)] == [[Pair(BAD, GOOD)]] * 3


def test_every_pair_is_of_both_arms_and_no_answer_is_used_twice() -> None:
    rng, twins, given, used = random.Random(1), CanaryPairs(), 0, 0
    for _ in range(3000):
        tested = rng.random() < 0.5
        user = f"{tested}{rng.randrange(100)}"
        given += 1
        used += 2 * len(twins.match(user, tested, Value(float(rng.random() < 0.03))))
    assert 0.8 * given < used <= given


def test_one_user_whose_every_question_fails_is_not_a_regression() -> None:
    decision = judged(_one_broken_user(), "canary", ONE)
    (errors,) = decision.readings
    assert decision.action == "go on" and errors.worse < 5
    assert (errors.pairs, errors.discordant) == (10, 1) and errors.staked > 300


def test_users_that_differ_do_not_roll_back_an_equal_version() -> None:
    # At a rate of 0.05, 120 releases exceed 12 with probability below 0.01.
    releases = (in_canary(0.2, 0.2, 500, seed, users=30) for seed in range(120))
    assert sum(bool(first_rollback(one, "canary", ONE)) for one in releases) <= 12


def test_graded_losses_of_users_that_differ_are_a_fair_bet_too() -> None:
    refuted = 0
    for seed in range(60):
        rng, twins, process = random.Random(seed), CanaryPairs(), EProcess()
        habits = {(tested, user): rng.random() for tested in (True, False) for user in range(60)}
        for _ in range(800):
            tested, user = rng.choice(list(habits))
            loss = min(1.0, max(0.0, habits[tested, user] + rng.gauss(0, 0.1)))
            for pair in twins.match(f"{tested}{user}", tested, Value(loss)):
                process.update(pair.candidate.bad - pair.champion.bad)
        refuted += process.rejects(0.05)
    # At a rate of 0.05, 60 exceed 8 with probability below 0.01.
    assert refuted <= 8


def test_a_version_that_is_worse_for_many_users_rolls_back() -> None:
    releases = [in_canary(0.4, 0.05, 1200, seed, users=80) for seed in range(10)]
    assert sum(bool(first_rollback(one, "canary", ONE)) for one in releases) >= 9


def _one_broken_user() -> Iterator[Observation]:
    for number in range(0, 800, 2):
        user = number % 20
        yield Observation(prediction(number, "baseline", key=f"b{user}"))
        failed = user == 0
        yield Observation(prediction(number + 1, "canary", key=f"c{user}", failed=failed))
