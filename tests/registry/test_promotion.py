"""Promotion and rollback: compare-and-set, an append-only history, an alias that follows."""

from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import Conflict, NotFound, UsageError
from fullturn.core.tags import ModelTags, VersionTags
from fullturn.registry import promotion, versions
from fullturn.store import Store
from tests.forks import forked
from tests.store.models import registered

GATED = VersionTags(outcome="PASSED", gate="g" * 32).write()


@pytest.fixture
def store(any_store: Store) -> Store:
    """Each kind of store: what is promised must not depend on the database."""
    return any_store


def version(store: Store) -> ModelVersion:
    return registered(store, GATED)


def promote(store: Store, of: ModelVersion, seen: int | None = None) -> None:
    admission = promotion.Admission(gate="g" * 32, seen=seen)
    promotion.promote(store, of, admission, actor="me", reason="better")


def test_the_history_tells_who_moved_the_champion_and_why(store: Store) -> None:
    first, second = version(store), version(store)
    promote(store, first)
    promote(store, second)
    entries = promotion.history(store)
    assert [(e.previous, e.version) for e in entries] == [(None, 1), (1, 2)]
    assert {e.actor for e in entries} == {"me"}
    assert {e.gate for e in entries} == {"g" * 32}
    assert store.alias(store.name, "champion") == 2


def test_a_promotion_decided_on_an_older_state_is_refused_and_kept(store: Store) -> None:
    first, second = version(store), version(store)
    promote(store, first, seen=0)
    with pytest.raises(Conflict, match="champion is 1"):
        promote(store, second, seen=0)
    assert [entry.effective for entry in promotion.history(store)] == [True, False]
    assert store.alias(store.name, "champion") == 1


def test_rollback_goes_back_step_by_step(store: Store) -> None:
    versions = [version(store) for _ in range(3)]
    for each in versions:
        promote(store, each)
    for target in (2, 1):
        assert promotion.rollback_target(store) == target
        promotion.roll_back(store, versions[target - 1], actor="me", reason="worse")
        assert store.alias(store.name, "champion") == target
    with pytest.raises(NotFound, match="nothing to roll back to"):
        promotion.rollback_target(store)


def test_rollback_to_a_version_that_never_was_champion_is_refused(store: Store) -> None:
    promote(store, version(store))
    with pytest.raises(NotFound):
        promotion.roll_back(store, version(store), actor="me", reason="why not")


def test_a_promotion_needs_a_reason(store: Store) -> None:
    with pytest.raises(UsageError, match="reason"):
        promotion.promote(store, version(store), promotion.Admission(), actor="me", reason=" ")


def test_the_champion_again_is_a_conflict(store: Store) -> None:
    first = version(store)
    promote(store, first)
    with pytest.raises(Conflict, match="already"):
        promote(store, first)


def test_an_alias_left_behind_by_a_killed_process_is_repaired(store: Store) -> None:
    first, second = version(store), version(store)
    promote(store, first)
    promote(store, second)
    killed_before_the_alias_was_set = ModelTags(alias_entry=1).write()
    store.tag_model(store.name, killed_before_the_alias_was_set)
    store.set_alias(store.name, "champion", 1)
    assert promotion.sync_alias(store) == 2
    assert store.alias(store.name, "champion") == 2


def race(orders: Connection, uri: str, name: str) -> None:
    """Promote the version of each order, if the history is as long as it says; who won?"""
    store = Store(uri, name, Path("unused"))
    orders.send("ready")
    while order := orders.recv():
        number, seen = order
        mine = versions.version(store, str(number))
        try:
            admission = promotion.Admission(seen=seen)
            promotion.promote(store, mine, admission, actor="racer", reason="race")
            orders.send("won")
        except Conflict:
            orders.send("lost")


@pytest.mark.slow
def test_of_two_racing_processes_exactly_one_wins_each_of_25_races(store: Store) -> None:
    for _ in range(4):
        version(store)
    with forked(race, store.uri, store.name) as one, forked(race, store.uri, store.name) as other:
        _let_race(store, [one[0], other[0]])
    effective = [entry for entry in promotion.history(store) if entry.effective]
    assert len(effective) == 25
    assert all(a.version == b.previous for a, b in pairwise(effective))


def _let_race(store: Store, racers: list[Connection]) -> None:
    assert [each.recv() for each in racers] == ["ready"] * 2
    for number in range(25):
        entries = promotion.history(store)
        seen = max((entry.number for entry in entries if entry.effective), default=0)
        targets = (1, 2) if number % 2 else (3, 4)
        for each, target in zip(racers, targets, strict=True):
            each.send((target, seen))
        answers = [each.recv() for each in racers]
        assert sorted(answers) == ["lost", "won"]
        assert store.alias(store.name, "champion") == targets[answers.index("won")]
