"""A project is served from its registry, and an answer leads back to what made it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from fullturn.cli import main
from fullturn.core.entities import Prediction
from fullturn.core.errors import (
    BundleError,
    Conflict,
    CouldNotEvaluate,
    NotFound,
    SettingsError,
    StoreUnavailable,
)
from fullturn.core.tags import VersionTags
from fullturn.registry import promotion, versions
from fullturn.registry.versions import located
from fullturn.serving import log
from fullturn.serving.deployment import LoadedVersion
from fullturn.store import Store
from fullturn.tracking import otlp
from fullturn.verbs import data, rollback, serve
from fullturn.verbs.lineage import of_prediction
from fullturn.verbs.parts import running_server
from fullturn.verbs.serve import TRACES, server
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.conftest import PYTHONPATH, free_port
from tests.tracking.collector import collecting
from tests.verbs import test_faults
from tests.waiting import PATIENCE, wait_until

ROW = {"text": "my invoice and the refund are wrong nr 1 by chat"}


def registered(project: Workspace, **params: str | float) -> int:
    """Train a version and register it, its gate left out."""
    run = train(project, params).run
    source, digest = located(run)
    tags = VersionTags(bundle=digest, outcome="PASSED", gate=run.id).write()
    return project.store.register("toy", source, run.id, tags).version


def promoted(project: Workspace, **params: str | float) -> int:
    """Train a version and make it champion, its gate left out."""
    number = registered(project, **params)
    version = versions.version(project.store, str(number))
    promotion.promote(project.store, version, promotion.Admission(), actor="tester", reason="test")
    return number


def asked(address: str, **fields: object) -> httpx.Response:
    body = {"inputs": [ROW], **fields}
    return httpx.post(f"{address}/predict", json=body, timeout=PATIENCE, trust_env=False)


def told(address: str) -> dict[str, object]:
    answer = httpx.get(f"{address}/status", timeout=PATIENCE, trust_env=False)
    return dict(answer.json())


def stored_traces(project: Workspace) -> set[str]:
    return {trace["id"] for trace in project.store.traces()}


def changed(project: Workspace, old: str, new: str) -> Workspace:
    """The project with another setting."""
    toml = (project.root / "fullturn.toml").read_text()
    (project.root / "fullturn.toml").write_text(toml.replace(old, new))
    return Workspace.open(project.root)


def test_an_answer_leads_back_to_everything_that_made_it(project: Workspace) -> None:
    promoted(project)
    with server(project, port=0) as address:
        answer = asked(address, key="anna")
        assert answer.json()["outputs"] == [{"label": "billing"}]
        [number] = answer.json()["ids"]
        said = {"id": number, "expected": {"label": "delivery"}, "source": "anna"}
        assert httpx.post(f"{address}/feedback", json=said).status_code == 200
        assert of_prediction(project, number).prediction.key == "anna"
    found = of_prediction(project, number)
    assert (found.prediction.input, found.prediction.arm) == (ROW, "champion")
    assert [one.expected for one in found.feedback] == [{"label": "delivery"}]
    assert found.lineage is not None
    assert found.lineage.version == 1 and found.lineage.data == "1"
    assert found.lineage.data_digest == data.log(project)[0].digest
    with pytest.raises(NotFound, match="no prediction"):
        of_prediction(project, "0" * 32)


def test_a_promotion_and_a_rollback_are_followed_while_requests_flow(project: Workspace) -> None:
    promoted(project)
    project = changed(project, "[gates]", "[serving]\npoll = 0.05\n\n[gates]")
    with server(project, port=0) as address:
        assert asked(address).json()["version"] == 1
        promoted(project, fault="constant")
        wait_until("version 2", lambda: asked(address).json()["version"] == 2)
        rollback.rollback(project, reason="worse")
        wait_until("version 1", lambda: asked(address).json()["version"] == 1)
        assert told(address)["swaps"] == 2
    assert {one.version for one in log.predictions(project.state)} == {1, 2}


def test_a_server_asks_once_for_the_run_of_a_deleted_version(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = promoted(project), promoted(project, smoothing=0.5)
    project = changed(project, "[gates]", "[serving]\npoll = 0.05\n\n[gates]")
    store, asked, looks = project.store, list[str](), list[str]()
    run = versions.version(store, str(first)).run_id
    MlflowClient(store.uri, store.uri).delete_model_version(store.name, str(first))
    with server(project, port=0) as address:
        of_store, registered = store.run, store.registered
        monkeypatch.setattr(store, "run", lambda run: asked.append(run) or of_store(run))
        monkeypatch.setattr(
            store, "registered", lambda name: looks.append(name) or registered(name)
        )
        wait_until("five looks", lambda: len(looks) >= 5)
        assert told(address)["registry"] == "followed" and run not in asked


def test_a_version_whose_files_were_changed_is_not_served(project: Workspace) -> None:
    promoted(project)
    project = changed(project, "[gates]", "[serving]\npoll = 0.05\n\n[gates]")
    second = versions.version(project.store, str(registered(project, smoothing=0.5)))
    with server(project, port=0) as address:
        file = project.store.fetch_model(second.source) / "bundle" / "model.json"
        file.write_bytes(file.read_bytes()[:-2])
        promotion.promote(
            project.store, second, promotion.Admission(), actor="tester", reason="test"
        )
        wait_until("a failure to load", lambda: told(address)["not_loaded"])
        assert asked(address).json()["version"] == 1
        assert "model.json' was changed" in str(told(address)["not_loaded"])


def test_a_version_that_answers_otherwise_than_recorded_is_not_served(project: Workspace) -> None:
    promoted(project, fault="random")
    with pytest.raises(BundleError, match="answers differently"), server(project, port=0):
        pass


def test_what_is_missing_is_named_before_anything_is_served(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="fullturn turn"), server(project, port=0):
        pass
    promoted(project)
    project = changed(project, "[gates]", '[serving]\ntoken_env = "TOY_TOKEN"\n\n[gates]')
    with pytest.raises(SettingsError, match="TOY_TOKEN"), server(project, port=0):
        pass
    monkeypatch.setenv("TOY_TOKEN", "secret")
    with server(project, port=0) as address:
        assert asked(address).status_code == 401
        with pytest.raises(Conflict, match="is running"), server(project, port=0):
            pass


def test_answers_of_an_llm_are_all_traced_and_quotes_some(project: Workspace) -> None:
    project = changed(project, "tests.verbs.toy:Toy", "tests.verbs.talker:Talker")
    promoted(project)
    with server(project, port=0) as address:
        many = {"inputs": [ROW] * 10 + [{"text": "my parcel is late"}] * 20}
        ids = httpx.post(f"{address}/predict", json=many, timeout=PATIENCE).json()["ids"]
        chat = {"messages": [{"role": "user", "content": ROW["text"]}]}
        answer = httpx.post(f"{address}/v1/chat/completions", json=chat, timeout=PATIENCE).json()
        assert answer["choices"][0]["message"]["content"] == "This is about billing."
        wanted = {f"tr-{number}" for number in (*ids[:10], answer["id"])}
        wait_until("traces in MLflow", lambda: wanted <= stored_traces(project))
    traces = project.store.traces()
    assert len(wanted) < len(traces) < len(wanted) + 15
    assert {trace["tags"]["fullturn.version"] for trace in traces} == {"1"}
    assert not (project.state / TRACES).exists()


def test_traces_go_to_a_collector_too(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    project = changed(project, "tests.verbs.toy:Toy", "tests.verbs.talker:Talker")
    promoted(project)
    with collecting() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        with server(project, port=0) as address:
            ids = {asked(address).json()["ids"][0] for _ in range(3)}
            wanted = {f"tr-{number}" for number in ids}
            wait_until("traces in MLflow", lambda: wanted <= stored_traces(project))
            wait_until("traces at the collector", lambda: ids <= received.ids)
    assert {path for path, _, _ in received.requests} == {"/v1/traces"}


def test_a_model_without_text_is_traced_for_a_collector(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    promoted(project)
    with collecting() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        with server(project, port=0) as address:
            number = asked(address).json()["ids"][0]
            wait_until("a trace at the collector", lambda: number in received.ids)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        with server(project, port=0) as address:
            assert asked(address).status_code == 200
    assert "no traces are exported: OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'" in caplog.text
    assert not stored_traces(project)


def test_a_version_that_fails_is_traced_for_a_collector_and_a_broken_row_is_not(
    tmp_path: Path,
) -> None:
    failed = Prediction("a" * 32, 0, 0, "champion", 1, "k", ROW, None, 0.1, "AppError: no memory")
    broken = replace(failed, id="b" * 32, error="DataError: 'text' is empty")
    answered = replace(failed, id="c" * 32, output={"label": "billing"}, error=None)
    with collecting() as received:
        target = otlp.Collector(received.url)
        with otlp.CollectorSpool(tmp_path / "otlp", target) as spool:
            slot = LoadedVersion(1, None, "run")  # type: ignore[arg-type]
            serve.Traces([spool])(slot, [failed, broken, answered])
            wait_until("two traces", lambda: len(received.ids) == 2)
    errors = {span.trace_id.hex()[0]: span.status.message for span in received.spans}
    assert errors == {"a": "AppError: no memory", "c": ""}


def test_traces_wait_for_mlflow_and_answers_do_not(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = changed(project, "tests.verbs.toy:Toy", "tests.verbs.talker:Talker")
    promoted(project)

    def down(store: Store, traced: object) -> None:
        raise StoreUnavailable("the tracking server does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "trace", down)
        with server(project, port=0) as address:
            ids = [asked(address).json()["ids"][0] for _ in range(3)]
    assert (project.state / TRACES).exists()
    wanted = {f"tr-{number}" for number in ids}
    with server(project, port=0):
        wait_until("traces in MLflow", lambda: wanted <= stored_traces(project))


def running(project: Workspace, *words: str) -> subprocess.Popen[str]:
    variables = {"PYTHONPATH": PYTHONPATH, "PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "fullturn", "-C", str(project.root), "serve", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **variables},
    )  # fmt: skip


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted(project)
    process = running(project, "--port", "0", "--json")
    with stopped(process):
        assert process.stdout is not None
        opened = json.loads(process.stdout.readline())
        assert opened["version"] == 1 and opened["example"].keys() == ROW.keys()
        wait_until(
            "the server to be ready",
            lambda: httpx.get(f"{opened['address']}/readyz").status_code == 200,
        )
        [number] = asked(opened["address"]).json()["ids"]
        port = int(opened["address"].rpartition(":")[2])
        with pytest.raises(CouldNotEvaluate, match="--port 0"), server(project, port=port):
            pass
        os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, (out, err)
        assert "Warning: " not in err, "a library's warning with a path of this machine"
    assert not (project.state / log.JOURNAL).exists()
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(project.root), "lineage", number])
    said = capsys.readouterr().out
    assert not ended.value.code
    assert number in said and "my invoice and the refund" in said and "data digest" in said


@pytest.mark.slow
def test_it_serves_on_when_mlflow_is_down_and_follows_it_when_it_is_back(
    project: Workspace, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, port = tmp_path / "server", free_port()
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    project = Workspace.open(project.root)
    mlflow = test_faults.server(folder, port)
    try:
        promoted(project)
        second = versions.version(project.store, str(registered(project, smoothing=0.5)))
        with server(project, port=0) as address:
            test_faults.stop(mlflow)
            wait_until(
                "a look at a registry that is down",
                lambda: "is unreachable" in str(told(address)["registry"]),
            )
            assert asked(address).json()["version"] == 1
            assert httpx.get(f"{address}/readyz").status_code == 200
            mlflow = test_faults.server(folder, port)
            promotion.promote(
                project.store, second, promotion.Admission(), actor="tester", reason="test"
            )
            wait_until("version 2", lambda: asked(address).json()["version"] == 2)
            assert told(address)["registry"] == "followed"
    finally:
        test_faults.stop(mlflow)


def test_a_copy_of_a_project_does_not_ask_the_server_of_the_original(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    with running_server.announced(one, "http://127.0.0.1:1", 1):
        shutil.copytree(one, two)
        assert running_server.address(one) == "http://127.0.0.1:1"
        assert running_server.address(two) is None


def test_an_alias_set_in_mlflow_is_named_and_not_served_unless_it_is_to_be_followed(
    project: Workspace,
) -> None:
    promoted(project)
    project = changed(project, "[gates]", "[serving]\npoll = 0.05\n\n[gates]")
    second = registered(project, smoothing=0.5)
    with server(project, port=0) as address:
        project.store.set_alias("toy", "champion", second)
        wait_until("a foreign alias", lambda: told(address)["foreign_alias"])
        assert "set to version 2 in MLflow" in str(told(address)["foreign_alias"])
        assert asked(address).json()["version"] == 1
    follows = changed(project, "poll = 0.05", "poll = 0.05\nfollow_alias = true")
    with server(follows, port=0) as address:
        assert asked(address).json()["version"] == 2
        assert told(address)["foreign_alias"] is None
    assert project.store.alias("toy", "champion") == second
