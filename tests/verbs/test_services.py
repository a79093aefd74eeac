"""A model that serves elsewhere: gated, compared, promoted, served and monitored over HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fullturn.core.errors import (
    BundleError,
    Refused,
    ServiceUnavailable,
    SettingsError,
    UsageError,
)
from fullturn.registry import versions
from fullturn.subjects.service.reference import REFERENCE
from fullturn.verbs import compare, gate, lineage, monitor, predict, promote, train
from fullturn.verbs.data import commit
from fullturn.verbs.parts.loading import load_version
from fullturn.verbs.serve import server
from fullturn.verbs.turn import LoopRunner
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.registered import team_folder
from tests.services import Services, leaves, services
from tests.verbs.conftest import changed, write_rows

pytestmark = pytest.mark.slow
TOML = """\
name = "retention"
app = "service"

[service]
url = "ADDRESS/own/good"
input = "/features"
fields = { label = "/result/class", confidence = "/result/p" }
timeout = 10.0

[data]
files = ["customers.csv"]
label = "churned"
id = "id"
train_share = 0.1
validation_share = 0.2

[data.columns]
age = "number"
income = "number"
city = "category"

[experiment]
owner = "tester"

[gates]
margin = 0.1
latency_p95_ms = 60000.0
"""
KNOWN = {"DATA02": "trained last year; these customers came since"}
ROW = {"age": 55.0, "income": 4.0, "city": "Bern"}


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with services() as found:
        yield found


@pytest.fixture(scope="module")
def gated(
    running: Services, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Path:
    """A project whose champion is the service `good`."""
    root = tmp_path_factory.mktemp("services") / "project"
    team_folder(root, empty_database, TOML.replace("ADDRESS", running.address), churned=_truth)
    project = Workspace.open(root)
    commit(project, [], "first")
    trained = train.train(project)
    passed = gate.gate(project, trained.run.id, waive=KNOWN)
    assert passed.report.outcome == "PASSED", passed.report
    promote.promote(project, 1, "the first")
    return root


def _truth(row: dict[str, object]) -> str:
    return "yes" if leaves(row) > 0.5 else "no"


@pytest.fixture
def team(running: Services) -> Iterator[Services]:
    running.asked.clear()
    running.answered.clear()
    yield running
    running.fault = ""


@pytest.fixture
def project(gated: Path, team: Services, tmp_path: Path) -> Workspace:
    return Workspace.open(copied(gated, tmp_path / "project"))


def test_what_a_service_cannot_offer_does_not_apply_or_is_unknown(project: Workspace) -> None:
    found = gate.gate(project, 1, register=False).report
    outcomes = {one.code: (one.outcome, one.reason) for one in found.results}
    assert outcomes["DATA01"] == ("NOT_APPLICABLE", "the model is trained and deployed elsewhere")
    assert outcomes["BNDL01"][0] == outcomes["BNDL02"][0] == "NOT_APPLICABLE"
    assert outcomes["DATA02"][0] == "INCONCLUSIVE"
    assert outcomes["DATA02"][1].startswith("unknown: no record says which rows")
    assert outcomes["BEHV04"][0] == "PASSED"


def test_another_address_is_another_candidate_that_is_compared_and_judged(
    project: Workspace, team: Services
) -> None:
    poor = train.train(project, {"url": f"{team.address}/own/poor"}).run
    assert poor.name == f"{team.address}/own/poor"
    assert compare.compare(project, "champion", poor.id).flips
    found = gate.gate(project, poor.id, waive=KNOWN).report
    assert found.outcome == "FAILED"
    assert [r.code for r in found.results if r.outcome == "FAILED"][:1] == ["EVAL03"]
    same = train.train(project, {"url": f"{team.address}/own/also"}).run
    assert gate.gate(project, same.id, waive=KNOWN).version is not None


def test_versions_of_another_protocol_replace_each_other(
    project: Workspace, team: Services
) -> None:
    before = f'url = "{team.address}/own/good"\ninput = "/features"\n'
    fields = 'fields = { label = "/result/class", confidence = "/result/p" }\n'
    new = f'url = "{team.address}/kserve"\nprotocol = "kserve"\nmodel = "good"\n'
    moved = changed(project, before + fields, new + 'classes = ["no", "yes"]\n')
    run = train.train(moved).run
    found = gate.gate(moved, run.id, waive=KNOWN)
    assert found.report.outcome == "PASSED", found.report
    promote.promote(moved, 2, "the platform moved")
    assert predict.predict(moved, [ROW])[0].output["label"] == "yes"
    assert "/v2/models/good/infer (model good)" in lineage.lineage(moved, 2).refers_to


def test_a_turn_judges_what_the_settings_name_next(project: Workspace, team: Services) -> None:
    runner = LoopRunner(changed(project, "/own/good", "/own/poor"))
    with pytest.raises(Refused, match="EVAL03 FAILED"):
        list(runner.turn())


def test_the_champion_is_served_and_monitored_over_http(project: Workspace) -> None:
    with server(project, port=0) as address:
        answer = httpx.post(f"{address}/predict", json={"inputs": [ROW]}).json()
        assert answer["outputs"][0]["label"] == "yes"
        assert predict.predict(project, [ROW])[0].prediction
    seen = monitor.monitor(project)
    assert (seen.requests, seen.alarms) == (2, ())
    assert seen.states


@pytest.mark.parametrize(
    ("fault", "said"),
    [("crashes", "500"), ("login page", "no JSON"), ("down for 99", "503"), ("nan", "nothing at")],
)
def test_a_service_that_fails_is_no_verdict(
    project: Workspace, team: Services, fault: str, said: str
) -> None:
    team.fault = fault
    fast = changed(project, "timeout = 10.0", "timeout = 10.0\nretries = 0")
    found = gate.gate(fast, 1, register=False).report
    assert found.outcome == "INCONCLUSIVE"
    without = [r for r in found.results if "candidate" in r.missing]
    assert without and all(said in one.reason for one in without)


def test_a_server_answers_for_a_service_that_is_down_and_recovers(
    project: Workspace, team: Services
) -> None:
    fast = changed(project, "timeout = 10.0", "timeout = 10.0\nretries = 0")
    with server(fast, port=0) as address:
        team.fault, many = "down for 1", {"inputs": [ROW] * 8}
        refused = httpx.post(f"{address}/predict", json=many)
        assert refused.status_code >= 500
        assert "503" in refused.text
        assert httpx.post(f"{address}/predict", json=many).status_code == 200
    assert len(team.asked) < 24  # not each row again


def test_a_champion_whose_service_changed_is_not_loaded(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_answers(), "own", lambda *_: {"result": {"class": "no", "p": 0.5}})
    with pytest.raises(BundleError, match="answers differently than recorded"):
        load_version(project, versions.version(project.store, "1"))


def _answers() -> dict[str, object]:
    from tests import services as module

    return module._ANSWERS  # type: ignore[return-value]  # noqa: SLF001


def test_secrets_come_from_the_environment_and_are_stored_nowhere(
    project: Workspace, team: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s3cr3t-of-the-tests"
    named = 'timeout = 10.0\ntoken_env = "CHURN_KEY"\nheaders = { X-Team = "TEAM_KEY" }'
    asks = changed(project, "timeout = 10.0", named)
    with pytest.raises(SettingsError, match="CHURN_KEY"):
        train.train(asks)
    monkeypatch.setenv("CHURN_KEY", secret)
    monkeypatch.setenv("TEAM_KEY", f"Team {secret}")
    run = train.train(asks).run
    assert team.headers[-1]["authorization"] == f"Bearer {secret}"
    assert team.headers[-1]["x-team"] == f"Team {secret}"
    files = [path for path in project.state.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    stored = next(p for p in files if p.name == REFERENCE and "X-Team" in p.read_text())
    assert json.loads(stored.read_text())["headers"] == ["Authorization", "X-Team"]
    team.fault = "refuses token"
    found = gate.gate(asks, run.id, register=False).report
    assert secret not in json.dumps([one.reason for one in found.results])


def test_secrets_go_to_no_other_host(
    project: Workspace, team: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_KEY", "s3cr3t-of-the-tests")
    asks = changed(project, "timeout = 10.0", 'timeout = 10.0\ntoken_env = "CHURN_KEY"')
    elsewhere = team.address.replace("127.0.0.1", "localhost") + "/own/good"
    with pytest.raises(SettingsError, match=r"\[service\] hosts"):
        train.train(asks, {"url": elsewhere})
    assert not team.asked
    port = team.address.rpartition(":")[2]
    also = changed(asks, "timeout = 10.0", f'timeout = 10.0\nhosts = ["localhost:{port}"]')
    assert train.train(also, {"url": elsewhere}).run.status == "FINISHED"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("models.example.org/x", "no address of a service"),
        ("ftp://models.example.org/x", "no address of a service"),
        ("http://", "no address of a service"),
        ("https://me:hunter22@models.example.org/x", "contains a secret"),
        ("https://models.example.org/x?api_key=hunter22", "contains a secret"),
    ],
)
def test_an_address_that_is_none_or_has_a_secret_is_refused(
    project: Workspace, url: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        train.train(project, {"url": url})
    assert "hunter22" not in str(raised.value)


def test_a_service_that_is_gone_is_named(project: Workspace) -> None:
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        train.train(
            changed(project, "timeout = 10.0", "timeout = 10.0\nretries = 0"),
            {"url": "http://127.0.0.1:9/own"},
        )


CHAT = """
[data.columns]
question = "text"
"""


def test_a_chat_is_judged_by_its_text(
    running: Services, tmp_path: Path, empty_database: Path
) -> None:
    root = tmp_path / "chat"
    (root / ".fullturn").mkdir(parents=True)
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    rows = [
        {"id": f"q{n}", "question": f"Say the number {n}?", "reply": f"The answer is {n}."}
        for n in range(200)
    ]
    write_rows(root / "customers.csv", rows)
    text = TOML[: TOML.index("[data.columns]")] + CHAT + TOML[TOML.index("[experiment]") :]
    text = text.replace("churned", "reply").replace("timeout", "concurrency = 16\ntimeout")
    text = text.replace('input = "/features"\n', 'protocol = "openai"\ntask = "text"\n')
    text = text.replace('fields = { label = "/result/class", confidence = "/result/p" }\n', "")
    text = text.replace("ADDRESS/own/good", f"{running.address}/openai/v1")
    (root / "fullturn.toml").write_text(text)
    project = Workspace.open(root)
    commit(project, [], "first")
    with pytest.raises(UsageError, match=r"\[service\] model"):
        train.train(project)
    run = train.train(project, {"model": "small"}).run
    known = {**KNOWN, "BEHV04": "asked at temperature 0"}
    report = gate.gate(project, run.id, waive=known).report
    results = {one.code: one for one in report.results}
    assert results["BEHV04"].reason.startswith("unknown: a chat may be answered in other words")
    assert results["SAFE01"].outcome == "PASSED"
    assert results["EVAL02"].outcome == "PASSED"
    promote.promote(project, 1, "the first")
    found = predict.predict(project, [{"question": "Say 7?"}])[0].output
    assert found == {"text": "The answer is 7.", "prompt_tokens": 7, "completion_tokens": 4}
