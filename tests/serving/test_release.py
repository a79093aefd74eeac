"""A release under way: who answers whom, shadow copies, and following the registry under load."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Semaphore, Thread

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullturn.core import release_plan
from fullturn.core.entities import Input, Output, ReleasePlan
from fullturn.core.errors import BundleError, NotFound, StoreUnavailable
from fullturn.core.records import Registered
from fullturn.serving import log
from fullturn.serving.deployment import (
    Deployment,
    DesiredState,
    Follower,
    LoadedVersion,
    desired_state,
)
from tests.serving.live import ROW, Lengths, Live, Versions, live, together
from tests.waiting import PATIENCE, wait_until


def plan(stage: str = "canary", share: float = 0.2, **changes: object) -> ReleasePlan:
    values = {"run": "r", "stage": stage, "version": 2, "share": share, "salt": "s"}
    return ReleasePlan(**(values | {"until": time.time() + 60} | changes))  # type: ignore[arg-type]


def deployment(**changes: object) -> Deployment:
    return Deployment(LoadedVersion(1, Lengths()), LoadedVersion(2, Lengths(2)), plan(**changes))  # type: ignore[arg-type]


@given(st.text(), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_an_entity_keeps_its_arm_and_a_growing_share_keeps_its_members(
    key: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    arm = deployment(share=small).arm_of(key)
    assert arm == deployment(share=small).arm_of(key)
    if arm != "champion":
        assert deployment(share=large).arm_of(key) == arm


def test_canary_and_baseline_are_equally_large() -> None:
    arms = Counter(deployment(share=0.2).arm_of(f"user-{n}") for n in range(20_000))
    assert abs(arms["canary"] - 4000) < 250 and abs(arms["baseline"] - 4000) < 250


@pytest.mark.parametrize("changes", [{"stage": "shadow"}, {"until": 0.0}])
def test_nobody_is_in_the_canary_in_shadow_or_when_the_lease_ran_out(
    changes: dict[str, object],
) -> None:
    assert {deployment(**changes).arm_of(str(n)) for n in range(200)} == {"champion"}


def test_a_plan_is_read_as_the_release_writes_it_and_a_bad_one_is_not_followed() -> None:
    from dataclasses import asdict

    text = json.dumps(asdict(plan(until=5.0)))
    found = desired_state(1, Registered({"champion": 1}, {release_plan.KEY: text}))
    assert found == DesiredState(1, plan(until=5.0))
    for bad in (
        "{",
        "[]",
        '{"run": "r"}',
        text.replace("canary", "party"),
        text.replace("0.2", "7"),
    ):
        found = desired_state(1, Registered({"champion": 1}, {release_plan.KEY: bad}))
        assert found.plan is None and found.champion == 1
        assert "is not a plan" in str(found.problem)
    assert desired_state(None, Registered({}, {release_plan.KEY: ""})) == DesiredState(None, None)


def test_in_a_canary_each_arm_is_answered_by_its_version_and_logged(tmp_path: Path) -> None:
    registry = Versions(v1=Lengths(), v2=Lengths(2))
    registry.wanted = DesiredState(1, plan())
    with live(tmp_path, registry=registry) as server:
        for key in range(60):
            answers = [server.predict(key=key).json() for _ in range(2)]
            assert answers[0]["arm"] == answers[1]["arm"]
        assert server.client.get("/status").json()["release"]["stage"] == "canary"
    kept = log.predictions(tmp_path)
    assert {one.arm for one in kept} == {"champion", "canary", "baseline"}
    for one in kept:
        assert one.version == (2 if one.arm == "canary" else 1) == (one.output or {})["by"]


def copies(server: Live, count: int) -> list[log.Prediction]:
    def found() -> list[log.Prediction]:
        made = [one for one in log.predictions(server.state) if one.arm == "shadow"]
        return made if len(made) >= count else []

    return wait_until(f"the {count}th copy", found)


def test_a_shadow_answers_copies_that_nobody_sees(tmp_path: Path) -> None:
    def fail(rows: Sequence[Input]) -> None:
        if any(row["n"] == 13 for row in rows):
            raise ValueError("thirteen")

    registry = Versions(v1=Lengths(), v2=Lengths(2, before=fail))
    registry.wanted = DesiredState(1, plan("shadow"))
    with live(tmp_path, registry=registry) as server:
        answers = together(20, lambda n: server.predict({**ROW, "n": n}, key=n).json())
        server.predict({"text": "breaks the contract: not copied"})
        shadows = {one.copy_of: one for one in copies(server, 20)}
        assert len(shadows) == 20
        for number, answer in enumerate(answers):
            assert (answer["version"], answer["arm"]) == (1, "champion")
            copy = shadows[answer["ids"][0]]
            assert (copy.version, copy.key, copy.input["n"]) == (2, str(number), number)
            assert (copy.output is None) == (number == 13) and copy.latency > 0
        assert "thirteen" in str(shadows[answers[13]["ids"][0]].error)


def test_an_answer_of_a_shadow_that_json_cannot_represent_is_logged_as_its_error(
    tmp_path: Path,
) -> None:
    class Odd(Lengths):
        def predict(self, rows: Sequence[Input]) -> list[Output]:
            made = super().predict(rows)
            return [
                {"label": object()} if row["n"] == 13 else one
                for row, one in zip(rows, made, strict=True)
            ]

    registry = Versions(v1=Lengths(), v2=Odd(2))
    registry.wanted = DesiredState(1, plan("shadow"))
    with live(tmp_path, registry=registry) as server:
        server.predict(*({**ROW, "n": n} for n in range(10, 15)))
        shadows = {one.input["n"]: one for one in copies(server, 5)}
        assert server.client.get("/status").json()["log"] == "written"
    assert "not JSON serializable" in str(shadows[13].error) and shadows[13].output is None
    assert all(one.output and not one.error for n, one in shadows.items() if n != 13)


def test_shadow_work_is_dropped_before_live_work_waits(tmp_path: Path) -> None:
    turns = Semaphore(0)

    def answer_slowly(rows: Sequence[Input]) -> None:
        turns.acquire(timeout=PATIENCE)
        time.sleep(0.05 * len(rows))

    slow = Lengths(2, before=answer_slowly)
    registry = Versions(v1=Lengths(), v2=slow)
    registry.wanted = DesiredState(1, plan("shadow"))
    with live(tmp_path, registry=registry, shadow_rows=4) as server:
        for _ in range(20):
            turns.release()  # one copy is answered, and the next one waits for the next request
            assert server.predict(*[ROW] * 10).status_code == 200
        assert max(slow.batches) == 1, "one copy is all that live rows have to wait for"
        dropped = server.served.metrics.shadows_dropped
        assert dropped >= 200 - 20 - 1 - 4, "20 turns, one that waits, four in the queue"
        turns.release(5)
        done = copies(server, 200 - dropped)
        assert len(done) == 200 - dropped


def test_swaps_under_load_fail_no_request_and_mix_no_versions(tmp_path: Path) -> None:
    registry = Versions(**{f"v{n}": Lengths(n) for n in range(1, 6)})
    stop, statuses, mixed = Event(), Counter[int](), []

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, trust_env=False) as client:
            while not stop.is_set():
                answer = client.post("/predict", json={"inputs": [ROW, ROW]})
                statuses[answer.status_code] += 1
                body = answer.json()
                if {output["by"] for output in body["outputs"]} != {body["version"]}:
                    mixed.append(body)

    with live(tmp_path, registry=registry, poll=0.002) as server:
        threads = [Thread(target=ask, args=(server.address,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(300):
            version, answered = number % 5 + 1, statuses[200]
            registry.wanted = DesiredState(version, None)
            wait_until(
                f"version {version}",
                lambda v=version: server.served.follower.current.champion.version == v,
            )
            if number % 5 == 0:
                wait_until("an answer", lambda n=answered: statuses[200] > n)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        swaps = server.served.follower.swaps
    assert swaps == 299
    assert set(statuses) == {200} and statuses[200] > 50
    assert mixed == []
    assert len(log.predictions(tmp_path)) == 2 * statuses[200]


def test_a_version_that_does_not_load_leaves_the_old_one_serving_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Versions(v1=Lengths())
    with live(tmp_path, registry=registry) as server:
        registry.wanted = DesiredState(7, None)
        wait_until("a failure to load", lambda: server.served.follower.failures)
        assert server.predict().json()["version"] == 1
        told = server.client.get("/status").json()
        assert "version 7 does not load" in told["not_loaded"]["7"]
        assert "fullturn_load_failures 1.0" in server.client.get("/metrics").text
        assert any(
            "version 1 continues to serve" in record.getMessage() for record in caplog.records
        )
        registry.wanted = DesiredState(1, None)
        wait_until(
            "the failure to be forgotten",
            lambda: not server.client.get("/status").json()["not_loaded"],
        )


def test_the_server_serves_on_without_its_registry(tmp_path: Path) -> None:
    registry = Versions(v1=Lengths(), v2=Lengths(2))
    with live(tmp_path, registry=registry) as server:
        registry.error = StoreUnavailable("the tracking server does not answer")
        wait_until("a look at the registry", lambda: server.served.follower.stale)
        assert server.predict().status_code == 200
        assert server.client.get("/readyz").json() == {"ready": True, "version": 1}
        assert "does not answer" in server.client.get("/status").json()["registry"]
        assert "fullturn_registry_stale 1.0" in server.client.get("/metrics").text
        registry.error, registry.wanted = None, DesiredState(2, None)
        wait_until("a swap", lambda: server.served.follower.swaps == 1)
        assert server.predict().json()["version"] == 2
        assert server.client.get("/status").json()["registry"] == "followed"


def test_a_registry_that_answers_nonsense_is_looked_at_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Versions(v1=Lengths(), v2=Lengths(2))
    with live(tmp_path, registry=registry) as server:
        registry.error = KeyError("http://ada:hunter22@example.org")
        looks = wait_until("a failed look", lambda: server.served.follower.stale and registry.looks)
        wait_until("more looks", lambda: registry.looks > looks + 3)
        assert "KeyError" in server.client.get("/status").json()["registry"]
        registry.error, registry.wanted = None, DesiredState(2, None)
        wait_until("a swap", lambda: server.served.follower.swaps == 1)
        assert server.client.get("/status").json()["registry"] == "followed"
    [logged] = [one.getMessage() for one in caplog.records if "KeyError" in one.getMessage()]
    assert "Traceback" in logged and "in look" in logged and "hunter22" not in logged


def test_a_release_whose_lease_runs_out_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    registry = Versions(v1=Lengths(), v2=Lengths(2))
    registry.wanted = DesiredState(1, plan(until=now + 0.2))
    follower = Follower(registry.look, registry.load, 1.0)
    assert follower.current.candidate is not None
    now += 0.25
    assert follower.current.arm_of("anybody") == "champion"
    follower.step()
    assert follower.current.candidate is None


def test_what_is_no_longer_served_is_unloaded_but_for_the_champion_before() -> None:
    loaded: list[int] = []

    def load(version: int) -> LoadedVersion:
        loaded.append(version)
        if version == 9:
            raise BundleError("broken")
        return LoadedVersion(version, Lengths(version))

    registry = Versions(v1=Lengths())
    follower = Follower(registry.look, load, 1.0)
    for version in (2, 1, 2, 3, 2, 1, 9, 9, 1):
        registry.wanted = DesiredState(version, None)
        follower.step()
    assert loaded == [1, 2, 3, 1, 9]
    assert follower.current.champion.version == 1 and follower.failures == {}


def test_without_a_champion_there_is_nothing_to_serve() -> None:
    registry = Versions(v1=Lengths())
    registry.wanted = DesiredState(None, None)
    with pytest.raises(NotFound, match="fullturn turn"):
        Follower(registry.look, registry.load, 1.0)
