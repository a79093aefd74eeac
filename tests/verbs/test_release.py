"""A release over real HTTP: promoted or rolled back by evidence, and never half-way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fullturn.core.entities import Prediction
from fullturn.core.errors import Conflict, CouldNotEvaluate, NotFound, Refused
from fullturn.core.settings import ReleaseSettings
from fullturn.core.tags import ModelTags, ReleaseTags
from fullturn.registry import promotion, versions
from fullturn.release import state
from fullturn.release.controller import FOLDER, REPORTS, looks, looks_of
from fullturn.release.ledger import Decided
from fullturn.release.records import Decision
from fullturn.release.state import Release
from fullturn.serving import log
from fullturn.serving.observations import Observer
from fullturn.verbs import promote, release, rollback
from fullturn.verbs.gate import gate
from fullturn.verbs.parts import admission
from fullturn.verbs.serve import server
from fullturn.verbs.train import train
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace, unwatched
from tests.conftest import free_port, wait_for
from tests.forks import Command, command
from tests.projects import copied
from tests.release.hooks import Hooked, once
from tests.verbs.conftest import TOML
from tests.verbs.test_serving import told
from tests.verbs.toy import messages
from tests.verbs.traffic import Traffic
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.slow
SMALL = """
[serving]
poll = 0.05
port = 0

[release]
# An equally good version is rolled back once in 1,000 runs of such a test, not in 20.
alpha = 0.001
margin = 0.15
shadow_requests = 60
canary_share = 0.5
canary_requests = 60
deadline_minutes = 60.0
"""
USERS = messages(600, seed=9)
GOOD = Decided("promote", "PASSED", "it is good", "tester")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, committed_once: Path) -> Path:
    """A project whose version 1 is champion; version 2 passed its gate too."""
    root = copied(committed_once, tmp_path_factory.mktemp("release") / "project")
    (root / "fullturn.toml").write_text(
        TOML.replace("[experiment]", "[experiment]\ncandidates = 1") + SMALL
    )
    opened = Workspace.open(root)
    list(turn(opened))
    other = train(opened, {"smoothing": 1.1}, name="other")
    passed = gate(opened, other.run.id)
    assert passed.version is not None, [(r.code, r.reason) for r in passed.report.results]
    return root


@pytest.fixture
def two(made: Path, tmp_path: Path) -> Workspace:
    """A copy for each test."""
    return Workspace.open(copied(made, tmp_path / "project"))


def worse(project: Workspace) -> int:
    """A version that always says the same; a person waived what the gate found."""
    trial = train(project, {"fault": "constant"}, name="constant")
    waived = dict.fromkeys(("EVAL02", "EVAL03", "EVAL04"), "to see it fail in production")
    gated = gate(project, trial.run.id, waive=waived)
    assert gated.version is not None, [r for r in gated.report.results if r.outcome == "FAILED"]
    return gated.version.version


@pytest.fixture
def served(two: Workspace) -> Iterator[tuple[Workspace, Traffic]]:
    with server(two) as address, Traffic(address, USERS) as traffic:
        yield two, traffic


def answered_by(project: Workspace, traffic: Traffic, version: int) -> Prediction | None:
    """The last answer, if this version gave it."""
    newest = log.find(project.state, traffic.counts.last)
    return newest if newest.version == version else None


def test_an_equally_good_version_is_promoted_by_evidence(
    served: tuple[Workspace, Traffic],
) -> None:
    project, traffic = served
    stages: list[str] = []
    ended = release.release(project, "2", lambda release, look: stages.append(look.stage))
    assert (ended.ending, ended.outcome) == ("promote", "PASSED")
    assert sorted(set(stages)) == ["canary", "shadow"]
    assert promotion.champion(project.store) == 2
    entry = promotion.history(project.store)[-1]
    assert entry.reason.startswith(f"release {ended.run[:8]}: ")
    run = project.store.run(ended.run)
    assert run.status == "FINISHED" and run.metrics["canary.loss.pairs"] > 0
    for name in REPORTS:
        assert project.store.get(ended.run, name).stat().st_size > 100
    assert ModelTags.read(project.store.registered("toy").tags).release == ""
    rollback.rollback(project, reason="to see it while requests flow")
    newest = wait_until("an answer of version 1", lambda: answered_by(project, traffic, 1))
    assert newest.arm == "champion"
    assert traffic.counts.failed == 0


def test_a_worse_version_is_rolled_back_in_shadow_and_that_is_final(
    served: tuple[Workspace, Traffic],
) -> None:
    project, traffic = served
    number = worse(project)
    with pytest.raises(Refused, match=r"version \d rolled back: worse on loss"):
        release.release(project, str(number), unwatched)
    assert promotion.champion(project.store) == 1
    [ended] = state.releases(project.store)
    assert (ended.stage, ended.ending, ended.outcome) == ("shadow", "roll back", "FAILED")
    with pytest.raises(Refused, match="its release rolled it back"):
        release.release(project, str(number), unwatched)
    assert traffic.counts.failed == 0


def test_an_abort_from_elsewhere_ends_it(served: tuple[Workspace, Traffic]) -> None:
    project, _ = served
    ended: list[BaseException] = []

    def run() -> None:
        with pytest.raises(release.Inconclusive) as found:
            release.release(Workspace.open(project.root), "2", unwatched)
        ended.append(found.value)

    controller = threading.Thread(target=run)
    controller.start()
    opened = wait_for_release(project)
    status = release.status(project)
    found, decision = status.release, status.decision
    assert found.run == opened.run and decision.stage in ("shadow", "canary")
    with pytest.raises(Conflict, match="fullturn release 2"):
        release.release(project, "1", unwatched)
    release.abort(project, "changed our minds")
    controller.join(PATIENCE)
    assert "aborted by tester: changed our minds" in str(ended[0])
    assert promotion.champion(project.store) == 1
    with pytest.raises(NotFound, match="no release is active"):
        release.status(project)


def test_a_release_where_no_server_writes_a_log_is_refused(two: Workspace) -> None:
    with pytest.raises(CouldNotEvaluate, match="no server writes a prediction log in .*promote 2"):
        release.release(two, "2", unwatched)
    assert state.releases(two.store) == []


def test_an_abort_is_not_final_but_turn_does_not_try_again(two: Workspace) -> None:
    begun(two)
    release.abort(two, "changed our minds")
    number, tested = 2, versions.version(two.store, "2")
    assert admission.refusal(two, tested) is None
    with server(two):
        deploy = [s for s in turn(two) if s.stage == "release"]
        assert [s.what for s in deploy] in ([], [f"version {number} was rolled back"])
    again = begun(two)
    assert again.ending is None
    release.abort(two, "once more")
    assert promote.promote(two, "2", "decided by a person").effective


def test_a_champion_that_changes_meanwhile_stops_the_promotion(two: Workspace) -> None:
    version = versions.version(two.store, "2")
    opened = release.begin(two, version)
    number = worse(two)
    promote.promote(two, str(number), "somebody was faster")
    decided = state.decide(two.store, opened, GOOD)
    ended = release.finalize(two, decided)
    assert ended.ending == "roll back" and "the champion changed meanwhile" in ended.reason
    assert promotion.champion(two.store) == number


def test_what_was_decided_is_carried_out_once_by_whoever_comes_next(two: Workspace) -> None:
    opened = release.begin(two, versions.version(two.store, "2"))
    decided = state.decide(two.store, opened, GOOD)
    promotion.promote(two.store, versions.version(two.store, "2"), promotion.Admission(),
                      actor="tester", reason="as decided, then killed")  # fmt: skip
    assert state.under_way(two.store) is not None
    steps = list(turn(two))
    assert [s.what for s in steps if s.stage == "release"] == ["version 2 is champion"]
    assert [e.version for e in promotion.history(two.store)] == [1, 2]
    assert two.store.run(decided.run).status == "FINISHED"


def begun(project: Workspace) -> Release:
    return release.begin(project, versions.version(project.store, "2"))


def test_an_abort_after_the_promotion_was_decided_says_so(two: Workspace) -> None:
    state.decide(two.store, begun(two), GOOD)
    with pytest.raises(Conflict, match="too late: version 2 was promoted.*fullturn rollback"):
        release.abort(two, "changed our minds")
    assert promotion.champion(two.store) == 2 and state.under_way(two.store) is None


def test_whoever_carries_a_release_out_reads_again_what_was_decided(two: Workspace) -> None:
    opened = begun(two)
    with pytest.raises(Conflict, match="not decided yet"):
        release.finalize(two, opened)
    remembered = replace(opened, ending="promote", outcome="PASSED", reason="before the abort")
    release.abort(two, "changed our minds")
    assert release.finalize(two, remembered).ending == "roll back"
    assert [e.version for e in promotion.history(two.store)] == [1]


@pytest.mark.parametrize("call", ["versions", "register", "tag_run", "end_run"])
def test_two_that_carry_one_promotion_out_promote_once(two: Workspace, call: str) -> None:
    decided = state.decide(two.store, begun(two), GOOD)
    other = Workspace.open(two.root)
    hooked = Hooked(two.store)
    hooked.before[call] = once(lambda: release.finalize(other, decided))
    vars(two)["store"] = hooked
    assert release.finalize(two, decided).ending == "promote"
    entries = [e for e in promotion.history(two.store) if e.effective]
    assert [(e.version, e.release) for e in entries] == [(1, None), (2, decided.run)]
    assert state.read(two.store, decided.run).ending == "promote"


def test_a_promotion_that_somebody_moved_on_from_stays_a_promotion(two: Workspace) -> None:
    decided = state.decide(two.store, begun(two), GOOD)
    release.finalize(two, decided)
    rollback.rollback(two, reason="by a person, before a slow process carries it out again")
    assert release.finalize(two, decided).ending == "promote"
    assert promotion.champion(two.store) == 1


def test_a_promotion_that_cannot_be_carried_out_is_rolled_back(two: Workspace) -> None:
    decided = state.decide(two.store, begun(two), GOOD)
    MlflowClient(two.store.uri, two.store.uri).delete_model_version(two.store.name, "2")
    ended = release.finalize(two, decided)
    assert (
        ended.ending == "roll back" and "cannot be promoted: no model version '2'" in ended.reason
    )


def test_a_controller_that_is_killed_goes_on_from_its_evidence(
    served: tuple[Workspace, Traffic],
) -> None:
    project, traffic = served
    for count in (1, 3):
        releasing = command(project.root, "release", "2")
        opened = wait_for_release(project)
        wait_until("looks", lambda n=count, run=opened.run: len(looks_at(project, run)) >= n)
        releasing.kill()
    if state.under_way(project.store):
        ended = release.release(project, "2", unwatched)
        assert ended.run == opened.run
        assert len(looks_at(project, ended.run)) > 3
    assert [e.version for e in promotion.history(project.store)] == [1, 2]
    assert len(state.releases(project.store)) == 1
    assert traffic.counts.failed == 0


def test_a_server_that_is_killed_in_a_release_comes_back_to_it(two: Workspace) -> None:
    port = free_port()
    ended = list[Release]()

    def serve() -> Command:
        serving = command(two.root, "serve", "--port", str(port))
        wait_for(f"http://127.0.0.1:{port}/readyz", serving.process.is_alive)
        return serving

    def run() -> None:
        ended.append(release.release(Workspace.open(two.root), "2", unwatched))

    first = serve()
    controller = threading.Thread(target=run)
    controller.start()
    wait_for_release(two)
    with Traffic(f"http://127.0.0.1:{port}", USERS) as traffic:
        wait_until("30 of the release's requests", lambda: traffic.counts.asked >= 30)
        first.kill()
    second = serve()
    try:
        with Traffic(f"http://127.0.0.1:{port}", USERS):
            controller.join(PATIENCE)
    finally:
        second.process.terminate()
        assert second.ended() == 0
    assert [one.ending for one in ended] == ["promote"]
    assert len(state.releases(two.store)) == 1
    assert [e.version for e in promotion.history(two.store)] == [1, 2]


def test_a_plan_that_nobody_renews_runs_out(
    two: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state, "LEASE", 1.0)
    with server(two) as address, Traffic(address, USERS) as traffic:
        release.begin(two, versions.version(two.store, "2"))
        wait_until("the plan", lambda: told(address)["release"])
        wait_until("the end of the plan", lambda: not told(address)["release"])
        before = traffic.counts.asked
        wait_until("requests after it", lambda: traffic.counts.asked >= before + 50)
        assert traffic.counts.failed == 0
    seen = [one.prediction for one in Observer(two.state, two.subject, 0).read()]
    copied = [int(one.key.removeprefix("user ")) for one in seen if one.arm == "shadow"]
    assert copied and max(copied) <= before


def test_a_release_needs_a_champion_and_a_gate(project: Workspace) -> None:
    trial = train(project, {})
    version = gate(project, trial.run.id).version
    assert version is not None
    with pytest.raises(NotFound, match="no champion to compare with"):
        release.release(project, "1", unwatched)


def test_settings_are_those_of_the_start(two: Workspace) -> None:
    opened = release.begin(two, versions.version(two.store, "2"))
    changed = (two.root / "fullturn.toml").read_text().replace("margin = 0.15", "margin = 0.9")
    (two.root / "fullturn.toml").write_text(changed)
    again = state.under_way(Workspace.open(two.root).store)
    assert again is not None and again.settings == opened.settings
    assert isinstance(again.settings, ReleaseSettings) and again.settings.margin == 0.15


def wait_for_release(project: Workspace) -> Release:
    newest = wait_until("a release", lambda: state.releases(project.store))[0]
    assert ReleaseTags.read(project.store.run(newest.run).tags).version == 2
    return newest


def looks_at(project: Workspace, run: str) -> list[Decision]:
    return looks(looks_of(project.state / FOLDER, run))
