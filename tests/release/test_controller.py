"""A controller obeys what was decided elsewhere, whenever that comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from fullturn.core.entities import ModelVersion, Observation
from fullturn.core.errors import Conflict, CouldNotEvaluate
from fullturn.core.settings import ReleaseSettings
from fullturn.release import controller as module
from fullturn.release import state
from fullturn.release.controller import Controller, looks, looks_of
from fullturn.release.ledger import Process
from fullturn.release.records import Decision
from fullturn.release.state import Release
from fullturn.store import Store
from tests.release.releasing import abort, aborted, begun, followed, version
from tests.release.traffic import in_canary, in_shadow, shared
from tests.waiting import PATIENCE

SETTINGS = ReleaseSettings(guardrails=("errors", "slow"), margin=0.15, canary_requests=60)
GOOD_IN_SHADOW = list(in_shadow(shared(0.0), 400, 1))
GOOD_IN_CANARY = list(in_canary(0.0, 0.0, 300, 2))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between looks, and a plan that is due to be renewed at each."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.0)


@pytest.fixture
def tested(store: Store, tmp_path: Path) -> ModelVersion:
    version(store, tmp_path)
    return version(store, tmp_path)


def controlled(
    store: Store, release: Release, folder: Path, *parts: Iterable[Observation]
) -> Controller:
    """A controller that reads one part at each look; a part may act while it is read."""
    waiting = iter(parts)

    def observe() -> Sequence[Observation]:
        return list(next(waiting, ()))

    process = Process("here", 1, "0", str(folder))
    return Controller(store, release, folder, observe, process, lambda other: False)


def after(action: Callable[[], object], part: Sequence[Observation] = ()) -> Iterable[Observation]:
    """A part of the log; when it is read, another process acts."""
    action()
    yield from part


def stages(seen: list[str]) -> Callable[[Release, Decision], None]:
    return lambda release, decision: seen.append(f"{decision.stage}: {decision.action}")


def test_a_good_version_goes_through_both_stages(
    store: Store, tested: ModelVersion, tmp_path: Path
) -> None:
    release, seen = begun(store, tested, SETTINGS), list[str]()
    made = controlled(store, release, tmp_path / "looks", (), GOOD_IN_SHADOW, GOOD_IN_CANARY)
    ended = made.run(stages(seen))
    assert seen == ["shadow: go on", "shadow: advance", "canary: promote"]
    assert (ended.ending, ended.outcome) == ("promote", "PASSED")
    assert state.read(store, release.run) == ended
    assert len(looks(looks_of(tmp_path / "looks", release.run))) == 3
    assert store.get(release.run, "release/report.md").read_text().startswith("## ✅")


@pytest.mark.parametrize(
    "parts",
    [
        lambda abort: (after(abort),),
        lambda abort: (after(abort, GOOD_IN_SHADOW),),
        lambda abort: (GOOD_IN_SHADOW, after(abort, GOOD_IN_CANARY)),
    ],
    ids=["renewing", "advancing", "promoting"],
)
def test_an_abort_while_the_evidence_is_read_prevails(
    store: Store,
    tested: ModelVersion,
    tmp_path: Path,
    parts: Callable[[Callable[[], object]], tuple[Iterable[Observation], ...]],
) -> None:
    release = begun(store, tested, SETTINGS)
    made = controlled(store, release, tmp_path, *parts(lambda: abort(store)))
    ended = made.run(lambda release, decision: None)
    assert (ended.ending, ended.reason) == ("roll back", "aborted")
    assert aborted(store, release)


def test_an_abort_between_two_looks_prevails(
    store: Store, tested: ModelVersion, tmp_path: Path
) -> None:
    release = begun(store, tested, SETTINGS)
    made = controlled(store, release, tmp_path, (), GOOD_IN_SHADOW, GOOD_IN_CANARY)
    ended = made.run(lambda release, decision: abort(store) and None)
    assert ended.ending == "roll back" and aborted(store, release)


def test_a_controller_that_was_silent_for_too_long_decides_nothing_any_more(
    store: Store, tested: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LEASE", 0.5)
    release = begun(store, tested, SETTINGS)
    other = Store(store.uri, store.name, Path("unused"))
    second = controlled(other, release, tmp_path / "b", GOOD_IN_SHADOW)
    bad = list(in_shadow(shared(0.0, 0.9), 400, 3))

    def take_over() -> None:
        with pytest.raises(KeyboardInterrupt):
            second.run(lambda release, decision: (_ for _ in ()).throw(KeyboardInterrupt))

    first = controlled(store, release, tmp_path / "a", after(take_over, bad))
    with pytest.raises(Conflict, match=r"process 1 on here \(.*b\) has taken control"):
        first.run(lambda release, decision: None)
    assert state.read(store, release.run).ending is None and followed(store)


def test_a_second_controller_is_refused_while_the_first_one_renews_its_plan(
    store: Store, tested: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LEASE", 2.0)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.05)
    release = begun(store, tested, SETTINGS)
    other = Store(store.uri, store.name, Path("unused"))
    second = controlled(other, release, tmp_path / "b", GOOD_IN_SHADOW)
    refused = list[BaseException]()
    looked = threading.Event()

    def try_it() -> None:
        looked.wait(PATIENCE)
        try:
            with pytest.raises(Conflict) as found:
                second.run(lambda release, decision: None)
            refused.append(found.value)
        finally:
            abort(store)  # or the first one looks for ever

    trying = threading.Thread(target=try_it, daemon=True)
    trying.start()
    first = controlled(store, release, tmp_path / "a")
    ended = first.run(lambda release, decision: looked.set())
    trying.join(PATIENCE)
    assert ended.ending == "roll back" and aborted(store, release)
    assert str(refused[0]).startswith(f"process 1 on here ({tmp_path / 'a'}) controls the release")


def test_a_controller_whose_process_is_gone_is_replaced_at_once(
    store: Store, tested: ModelVersion, tmp_path: Path
) -> None:
    release = begun(store, tested, SETTINGS)
    gone, mine = (Process("here", pid, "0", "state") for pid in (1, 2))
    state.take_control(store, release, gone, lambda other: False)
    found, control = state.take_control(store, release, mine, lambda other: other == gone)
    assert state.control_of(store, release.run) == control
    assert state.renew(store, found, control) == found


def test_a_controller_whose_clock_is_off_says_so(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version(any_store, tmp_path)
    release = begun(any_store, version(any_store, tmp_path), SETTINGS)
    if any_store.uri.startswith("http"):
        now = time.time
        monkeypatch.setattr(state.time, "time", lambda: now() + 300)
        with pytest.raises(CouldNotEvaluate, match=r"clock is (299|30\d) seconds ahead of"):
            controlled(any_store, release, tmp_path).run(lambda release, decision: None)
        assert state.read(any_store, release.run).ending is None
    else:
        state.take_control(any_store, release, Process("a", 1, "0", "s"), lambda other: False)


def test_two_controllers_of_one_release_end_it_once(
    store: Store, tested: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LEASE", 0.5)
    release = begun(store, tested, SETTINGS)
    other = Store(store.uri, store.name, Path("unused"))
    second = controlled(other, release, tmp_path / "b", GOOD_IN_SHADOW, GOOD_IN_CANARY)
    bad = list(in_shadow(shared(0.0, 0.9), 400, 3))
    first = controlled(
        store, release, tmp_path / "a", after(lambda: second.run(lambda a, b: None), bad)
    )
    ended = first.run(lambda release, decision: None)
    assert ended.ending == "promote" and ended == state.read(store, release.run)
    assert second.release.ending == "promote"


def test_a_decided_release_is_not_followed_again(
    store: Store, tested: ModelVersion, tmp_path: Path
) -> None:
    release = begun(store, tested, SETTINGS)
    abort(store)
    seen = list[str]()
    ended = controlled(store, release, tmp_path, GOOD_IN_SHADOW).run(stages(seen))
    assert ended.ending == "roll back" and seen == [] and not followed(store)
