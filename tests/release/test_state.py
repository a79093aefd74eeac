"""Abort, promote, advance and renew in every order: an abort is never lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import Conflict, NotFound
from fullturn.core.settings import ReleaseSettings
from fullturn.core.tags import ModelTags, ReleaseTags
from fullturn.release import ledger, state
from fullturn.release.ledger import Decided, Ending
from fullturn.release.state import Release
from fullturn.store import Store
from tests.forks import forked
from tests.release.hooks import Hooked, once
from tests.release.releasing import ABORT, GOOD, abort, aborted, begun, followed, version

SETTINGS = ReleaseSettings()
CALLS = {
    state.renew: ("registered", "tag_model", "versions"),
    state.advance: ("registered", "tag_run", "tag_model", "versions"),
    state.resume: ("tag_model", "versions"),
}
"""Steps of each at which another process may come between."""


@pytest.fixture
def tested(store: Store, tmp_path: Path) -> ModelVersion:
    """Version 2; version 1 is the champion."""
    version(store, tmp_path)
    store.set_alias(store.name, "champion", 1)
    return version(store, tmp_path)


def expired(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a plan is due to be renewed at every look."""
    monkeypatch.setattr(state, "LEASE", 1e9)


def test_a_release_begins_reads_back_and_is_followed(store: Store, tested: ModelVersion) -> None:
    release = begun(store, tested)
    assert state.under_way(store) == state.read(store, release.run) == release
    assert (release.version, release.champion, release.stage) == (2, 1, "shadow")
    assert release.settings == SETTINGS and release.actor == "controller"
    assert followed(store) and state.has_controller(store, release)
    tags = store.run(release.run).tags
    assert {"fullturn.version", "fullturn.stage", "fullturn.settings"} <= set(tags)


def test_an_abort_between_a_refresh_and_a_look_is_not_undone_by_the_look(
    store: Store, tested: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = state.current(store, begun(store, tested))
    abort(store)
    expired(monkeypatch)
    for act in (state.renew, state.advance, state.current):
        assert act(store, release).ending == "roll back"
    assert state.decide(store, release, GOOD).ending == "roll back"
    assert aborted(store, release)


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (act, call)
        for act in (state.renew, state.advance, state.resume)
        for call in ("registered", "tag_run", "tag_model", "versions")
        if call in CALLS[act]
    ],
)
def test_an_abort_before_any_step_of_a_renewal_or_advance_prevails(
    store: Store,
    tested: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Store, Release], Release],
    call: str,
) -> None:
    release = begun(store, tested)
    expired(monkeypatch)
    controller = Hooked(store)
    controller.before[call] = once(lambda: abort(store))
    assert act(controller, release).ending == "roll back"
    assert aborted(store, release)


def test_a_controller_killed_right_after_a_late_renewal_does_no_harm(
    store: Store, tested: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, controller = begun(store, tested), Hooked(store)
    expired(monkeypatch)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    def after_abort(*_: object) -> None:
        abort(store)
        controller.before = {"versions": killed}

    controller.before["tag_model"] = after_abort
    with pytest.raises(KeyboardInterrupt):
        state.renew(controller, release)
    tags = ModelTags.read(store.registered(store.name).tags)
    assert tags.release and tags.release_ended == release.run
    assert not followed(store) and not state.has_controller(store, release)


def test_a_renewal_does_not_recreate_a_plan_that_somebody_cleared(
    store: Store, tested: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = begun(store, tested)
    expired(monkeypatch)
    store.tag_model(store.name, ModelTags(release="").write())
    for act in (state.renew, state.advance, state.current):
        with pytest.raises(Conflict, match="fullturn release 2` resumes it"):
            act(store, release)
    assert not followed(store)
    assert state.resume(store, release) == release and followed(store)


@pytest.mark.parametrize("first", [GOOD, ABORT], ids=["promote", "abort"])
def test_of_two_decisions_at_once_one_counts_for_both(
    store: Store, tested: ModelVersion, first: Decided
) -> None:
    """Both have read that nothing is decided before either writes; then each order in turn."""
    release = begun(store, tested)
    second = ABORT if first is GOOD else GOOD
    both_read, written = threading.Barrier(2), threading.Event()
    stores = {one.ending: Hooked(store) for one in (first, second)}
    stores[first.ending].before["register"] = once(lambda: both_read.wait(30))
    stores[second.ending].before["register"] = once(lambda: (both_read.wait(30), written.wait(30)))
    stores[first.ending].before["tag_run"] = once(written.set)
    stores[first.ending].before["tag_model"] = once(written.set)

    def decide(one: Decided) -> Release:
        return state.decide(stores[one.ending], release, one)

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(decide, (first, second)))
    assert [one.ending for one in ended] == [first.ending] * 2
    for one, decided in zip(stores.values(), ended, strict=True):
        state.close(one, decided)
    found = state.read(store, release.run)
    assert (found.ending, found.reason) == (first.ending, first.reason)
    tags = ReleaseTags.read(store.run(release.run).tags)
    assert (tags.ending, tags.outcome, tags.reason) == (first.ending, first.outcome, first.reason)


def test_what_a_caller_remembers_overrules_nothing(store: Store, tested: ModelVersion) -> None:
    release = begun(store, tested)
    stale = replace(release, ending="promote", outcome="PASSED", reason="from before a crash")
    abort(store)
    assert state.decide(store, stale, GOOD).ending == "roll back"
    assert state.read(store, stale.run).ending == "roll back"


def test_a_decision_that_cannot_be_carried_out_is_overruled_once(
    store: Store, tested: ModelVersion
) -> None:
    decided = state.decide(store, begun(store, tested), GOOD)
    changed = Decided("roll back", "INCONCLUSIVE", "the champion changed", "a")
    other = Decided("roll back", "INCONCLUSIVE", "something else", "b")
    assert state.overrule(store, decided, changed).reason == "the champion changed"
    assert state.overrule(store, decided, other).reason == "the champion changed"
    assert not followed(store)


def test_of_two_releases_that_begin_at_once_one_is_turned_away(
    store: Store, tested: ModelVersion
) -> None:
    meeting = threading.Barrier(2)

    def begin(store: Store) -> Release | Conflict:
        hooked = Hooked(store)
        hooked.before["register"] = once(lambda: meeting.wait(30))
        try:
            return begun(hooked, tested)
        except Conflict as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(begin, (store, store)))
    [winner] = [one for one in found if isinstance(one, Release)]
    [error] = [str(one) for one in found if isinstance(one, Conflict)]
    who = "controller is releasing version 2 against 1 since 20"
    assert error.startswith(f"another release began before that of version 2: {who}")
    assert state.under_way(store) == winner
    assert state.releases(store) == [winner]
    assert sorted(run.status for run in store.runs(state.KIND)) == ["KILLED", "RUNNING"]
    abort(store)
    assert begun(store, tested).ending is None


@pytest.mark.parametrize("how", ["ended", "deleted"])
def test_a_release_whose_run_was_ended_in_mlflow_blocks_no_other(
    store: Store, tested: ModelVersion, how: str
) -> None:
    lost = begun(store, tested)
    if how == "ended":
        store.end_run(lost.run, "KILLED")
    else:
        MlflowClient(store.uri).delete_run(lost.run)
    assert state.under_way(store) is None
    release = begun(store, tested)
    assert state.under_way(store) == release and followed(store)
    assert "ended or deleted in MLflow" in ledger.read(store).decisions[lost.run].reason


def of_version_0_1(store: Store, tested: ModelVersion, **tags: str) -> str:
    """A release as version 0.1 wrote it: tags only, and no ledger."""
    own = {f"fullturn.{name}": value for name, value in tags.items()}
    began = repr(time.time())
    return store.start_run(
        state.KIND,
        "release of version 2",
        {},
        {
            "fullturn.version": "2",
            "fullturn.champion": "1",
            "fullturn.stage": "shadow",
            "fullturn.stage_began": began,
            "fullturn.began": began,
            "fullturn.settings": SETTINGS.model_dump_json(),
            "fullturn.owner": "controller",
            "mlflow.parentRunId": tested.run_id,
            **own,
        },
    )


def test_releases_of_version_0_1_read_as_before(store: Store, tested: ModelVersion) -> None:
    ended = {"ending": "roll back", "outcome": "FAILED", "reason": "worse on loss"}
    run = of_version_0_1(store, tested, **ended)
    store.end_run(run, "FINISHED")
    [found] = state.releases(store, 2)
    assert (found.ending, found.outcome, found.reason) == tuple(ended.values())
    assert state.releases(store, 1) == [] and state.under_way(store) is None


def test_a_release_that_version_0_1_decided_and_left_stays_decided(
    store: Store, tested: ModelVersion
) -> None:
    run = of_version_0_1(store, tested, ending="promote", outcome="PASSED", reason="it is good")
    opened = state.under_way(store)
    assert opened is not None and opened.ending == "promote"
    assert state.resume(store, opened) == opened and not followed(store)
    assert state.decide(store, opened, ABORT).ending == "promote"
    changed = Decided("roll back", "INCONCLUSIVE", "the champion changed", "a")
    assert state.overrule(store, opened, changed).ending == "roll back"
    assert state.read(store, run).reason == "the champion changed"


def test_a_release_that_version_0_1_began_goes_on(store: Store, tested: ModelVersion) -> None:
    run = of_version_0_1(store, tested)
    opened = state.under_way(store)
    assert opened is not None and opened.run == run and opened.ending is None
    assert state.resume(store, opened) == opened and followed(store)
    abort(store)
    assert aborted(store, opened)


def test_a_run_of_that_kind_that_is_no_release_is_passed_over(store: Store) -> None:
    run = store.start_run(state.KIND, "somebody's own", {}, {})
    assert state.releases(store) == [] and state.under_way(store) is None
    with pytest.raises(NotFound, match="not a release of this project"):
        state.read(store, run)


def test_over_http_the_ledger_decides_too(any_store: Store, tmp_path: Path) -> None:
    version(any_store, tmp_path)
    release = begun(any_store, version(any_store, tmp_path))
    assert followed(any_store)
    assert state.decide(any_store, release, ABORT).ending == "roll back"
    assert state.decide(any_store, release, GOOD).ending == "roll back"
    state.close(any_store, state.read(any_store, release.run))
    assert aborted(any_store, release)


def decide(orders: Connection, uri: str, name: str, ending: Ending) -> None:
    """End each release that is named; answer with the reason that it ended for."""
    store = Store(uri, name, Path("unused"))
    orders.send("ready")
    while run := orders.recv():
        opened = state.read(store, run)
        ended = state.decide(store, opened, Decided(ending, "PASSED", f"by {ending}", "me"))
        state.close(store, ended)
        orders.send(ended.reason)


@pytest.mark.slow
def test_two_processes_that_decide_at_once_agree(store: Store, tested: ModelVersion) -> None:
    with (
        forked(decide, store.uri, store.name, "promote") as (one, _),
        forked(decide, store.uri, store.name, "roll back") as (other, _),
    ):
        assert [each.recv() for each in (one, other)] == ["ready"] * 2
        for _ in range(10):
            release = begun(store, tested)
            for each in (one, other):
                each.send(release.run)
            reasons = {each.recv() for each in (one, other)}
            found, run = state.read(store, release.run), store.run(release.run)
            assert reasons == {found.reason} == {ReleaseTags.read(run.tags).reason}
            assert run.status == "FINISHED" and not followed(store)
