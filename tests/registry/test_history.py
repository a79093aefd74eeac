"""The history is replayed alike by everybody: what is malformed, forged or deleted moves nobody."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import Conflict, NotFound
from fullturn.core.tags import HistoryTags, ModelTags, TrainingTags, VersionTags
from fullturn.registry import history, promotion, references, versions
from fullturn.store import Store
from tests.store.models import registered

GATED = VersionTags(bundle="b" * 64, gate="g" * 32).write()


def version(store: Store) -> ModelVersion:
    """A version whose run says where its files are, as a training does."""
    made = registered(store, GATED)
    store.tag_run(made.run_id, TrainingTags(model=made.source, bundle="b" * 64).write())
    return made


def promoted(store: Store) -> ModelVersion:
    made = version(store)
    promotion.promote(store, made, promotion.Admission(), actor="me", reason="better")
    return made


def forged(store: Store, of: ModelVersion, **tags: str) -> None:
    """An entry that somebody writes by hand into the registered model of the history."""
    right = HistoryTags(action="promotion", to=of.version, seen=1, actor="eve", reason="why not")
    written = right.write() | {f"fullturn.{name}": value for name, value in tags.items()}
    store.register(history.log_name(store), of.source, of.run_id, written)


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"to": "abc"}, "it names no version: 'abc'"),
        ({"to": "-1"}, "it names no version: '-1'"),
        ({"to": "99999999999999999999"}, "there never was a version 99999999999999999999"),
        ({"to": "99"}, "there never was a version 99"),
        ({"to": "1"}, "version 1 is of another run"),
        ({"action": "delete"}, "it has no action that is known: 'delete'"),
        ({"seen": "x"}, "it does not say which entry it follows"),
        ({"seen": "-1"}, "another was first"),
    ],
)
def test_a_malformed_or_forged_entry_has_no_effect_and_says_why(
    store: Store, tags: dict[str, str], problem: str
) -> None:
    promoted(store)
    second = version(store)
    foreign = second if "to" not in tags or tags["to"] == "1" else registered(store)
    forged(store, foreign, **tags)
    found = history.read(store)
    assert found.champion == 1
    assert [(one.effective, one.problem) for one in found.entries] == [(True, ""), (False, problem)]
    promotion.promote(store, second, promotion.Admission(), actor="me", reason="goes on")
    assert [one.effective for one in promotion.history(store)] == [True, False, True]
    assert promotion.champion(store) == store.alias(store.name, "champion") == 2


def test_a_deleted_champion_stays_champion_and_the_ways_on_are_named(any_store: Store) -> None:
    store = any_store
    first, second = promoted(store), promoted(store)
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, "2")
    assert [one.effective for one in promotion.history(store)] == [True, True]
    assert promotion.sync_alias(store) == 2
    assert store.alias(store.name, "champion") is None
    for text in ("2", "v2", "champion"):
        with pytest.raises(
            NotFound, match=rf"version 2 .*deleted.*gate {second.run_id[:8]}.*rollback"
        ):
            references.version(store, text)
    assert versions.or_deleted(store, 2).source == second.source
    assert promotion.rollback_target(store) == 1
    promotion.roll_back(store, first, actor="me", reason="the other is gone")
    assert promotion.champion(store) == store.alias(store.name, "champion") == 1


def test_whoever_reads_again_asks_once_for_the_run_of_a_deleted_version(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    of_store = store.run
    monkeypatch.setattr(store, "run", lambda run: asked.append(run) or of_store(run))
    first, _ = promoted(store), promoted(store)
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, "1")
    forged(store, registered(store), to="99", seen="2")
    asked.clear()
    deleted: set[tuple[str, str]] = set()
    for _ in range(3):
        found = history.read(store, deleted)
        assert [one.effective for one in found.entries] == [True, True, False]
    assert asked.count(first.run_id) == 1, "a version that never was may still be registered"
    assert deleted == {(first.run_id, first.source)} and len(asked) == 4


def test_a_rollback_is_named_as_a_way_on_only_if_there_is_an_earlier_champion(
    any_store: Store,
) -> None:
    store = any_store
    promoted(store)
    assert history.earlier_champions(store) == []
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, "1")
    with pytest.raises(NotFound, match="deleted") as only:
        references.version(store, "1")
    assert "rollback" not in str(only.value)


def test_a_rollback_passes_a_deleted_version_over(any_store: Store) -> None:
    store = any_store
    promoted(store)
    promoted(store)
    promoted(store)
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, "2")
    assert promotion.rollback_target(store) == 1


def test_a_deleted_entry_takes_nothing_with_it_that_was_built_on_it(any_store: Store) -> None:
    store = any_store
    for _ in range(3):
        promoted(store)
    MlflowClient(store.uri, store.uri).delete_model_version(history.log_name(store), "2")
    found = history.read(store)
    assert [(one.number, one.effective) for one in found.entries] == [(1, True), (3, True)]
    assert found.champion == 3


def test_an_alias_set_by_hand_is_left_alone_and_named(any_store: Store) -> None:
    store = any_store
    promoted(store)
    promoted(store)
    version(store)
    for number in (3, 1):
        store.set_alias(store.name, "champion", number)
        assert promotion.sync_alias(store) == 2
        assert store.alias(store.name, "champion") == number
        found = history.read(store)
        said = promotion.alias_sentence(store, found)
        assert f"set to version {number} in MLflow" in said and "says version 2" in said
    assert versions.version(store, "champion").version == 2
    assert references.resolve(store, f"models:/{store.name}@champion").id == "2"


def test_a_promotion_takes_the_alias_back(any_store: Store) -> None:
    store = any_store
    promoted(store)
    third = [version(store), version(store)][-1]
    store.set_alias(store.name, "champion", 2)
    promotion.promote(store, third, promotion.Admission(), actor="me", reason="asked for")
    assert store.alias(store.name, "champion") == 3
    assert promotion.alias_sentence(store, history.read(store)) == ""


def test_a_deleted_alias_is_set_again(any_store: Store) -> None:
    store = any_store
    promoted(store)
    MlflowClient(store.uri, store.uri).delete_registered_model_alias(store.name, "champion")
    assert promotion.sync_alias(store) == 1
    assert store.alias(store.name, "champion") == 1


def test_the_alias_says_after_which_entry_it_was_set(any_store: Store) -> None:
    store = any_store
    promoted(store)
    promoted(store)
    assert ModelTags.read(store.registered(store.name).tags).alias_entry == 2


def test_a_rollback_never_leads_to_the_champion_itself(store: Store) -> None:
    first, _ = promoted(store), promoted(store)
    promotion.promote(store, first, promotion.Admission(), actor="me", reason="again")
    assert history.read(store).champions == (1, 2, 1)
    assert history.earlier_champions(store) == [2]
    with pytest.raises(Conflict, match="version 1 is the champion already"):
        promotion.rollback_target(store, 1)
    with pytest.raises(Conflict, match="version 1 is the champion already"):
        promotion.roll_back(store, first, actor="me", reason="to itself")
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, "2")
    with pytest.raises(NotFound, match="no previous champion"):
        promotion.rollback_target(store)
    assert len(promotion.history(store)) == 3


def test_a_rollback_decided_on_an_older_history_is_refused_and_recorded(store: Store) -> None:
    first, _ = promoted(store), promoted(store)
    found = history.read(store)
    promoted(store)
    with pytest.raises(Conflict, match="the champion is 3 now"):
        promotion.roll_back(store, first, actor="me", reason="slow", found=found)
    assert promotion.champion(store) == 3
    assert [one.effective for one in promotion.history(store)] == [True, True, True, False]


def test_the_numbers_of_deleted_entries_are_known(store: Store) -> None:
    assert history.read(store).deleted == []
    for _ in range(4):
        promoted(store)
    assert history.read(store).deleted == []
    for number in ("1", "3"):
        MlflowClient(store.uri, store.uri).delete_model_version(history.log_name(store), number)
    assert history.read(store).deleted == [1, 3]
