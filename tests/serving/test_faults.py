"""A full disk, a killed server: what was acknowledged is there, and nothing else was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

import httpx
import pytest

from fullturn.core.entities import Prediction
from fullturn.core.errors import Conflict, CouldNotEvaluate, UsageError
from fullturn.serving import log, replies, running
from fullturn.serving.deployment import DesiredState, LoadedVersion
from tests.needs import mounted
from tests.serving.live import ROW, Lengths, Versions, live
from tests.verbs.test_faults import fill
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    with mounted(tmp_path / "small", "size=2m") as folder:
        yield folder


def test_a_prediction_that_cannot_be_logged_is_refused_until_there_is_room(small: Path) -> None:
    with live(small / "state") as server:
        first = server.predict().json()["ids"]
        fill(small / "filler")
        said = {"id": first[0], "score": 1}
        for answer in (
            server.predict({**ROW, "text": "x" * 1000}, *[ROW] * 60),
            server.client.post("/feedback", json=[{**said, "source": "x" * 200}] * 60),
        ):
            assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            assert "No space left" in answer.json()["error"]
        assert "No space left" in server.client.get("/status").json()["log"]
        assert "fullturn_log_failed 1.0" in server.client.get("/metrics").text
        (small / "filler").unlink()
        again = server.predict()
        assert again.status_code == 200
        assert server.client.post("/feedback", json=said).json()["replaced"] is False
        assert server.client.get("/status").json()["log"] == "written"
        kept = [one.id for one in log.predictions(server.state)]
        assert kept == [*first, *again.json()["ids"]]


def test_with_serve_without_log_it_answers_on_a_full_disk_and_says_so(small: Path) -> None:
    with live(small / "state", serve_without_log=True) as server:
        assert "logged" not in server.predict().json()
        fill(small / "filler")
        answer = server.predict(*[ROW] * 64)
        assert answer.status_code == 200 and answer.json()["logged"] is False
        assert len(answer.json()["outputs"]) == 64
        (small / "filler").unlink()
        assert "logged" not in server.predict().json()
        assert len(log.predictions(server.state)) == 2


SAID = "cannot reach postgresql://ada:pass-word@db/x"


def test_a_fault_of_the_server_is_logged_and_shown_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(slot: LoadedVersion, made: Sequence[Prediction]) -> None:
        raise RuntimeError(SAID)

    with live(tmp_path, on_logged=fail) as server:
        answer = server.predict()
    assert answer.status_code == 503
    assert "ada:…@db" in answer.json()["error"] and "pass-word" not in answer.text
    [logged] = [one for one in caplog.records if "the server failed" in one.getMessage()]
    assert logged.exc_info is not None and logged.exc_info[0] is RuntimeError


def test_a_request_that_fails_says_that_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    reply = replies.refusal(RuntimeError(SAID))
    assert reply.status == 500
    assert reply.body == b'{"error":"the server failed; its log says why"}'
    assert "RuntimeError" in caplog.text


def test_why_a_version_does_not_load_is_shown_without_secrets(tmp_path: Path) -> None:
    class Unreachable(Versions):
        def load(self, version: int) -> LoadedVersion:
            if version == 7:
                raise RuntimeError(SAID)
            return super().load(version)

    registry = Unreachable(v1=Lengths())
    with live(tmp_path, registry=registry) as server:
        registry.wanted = DesiredState(7, None)
        wait_until("a failure to load", lambda: server.served.follower.failures)
        shown = server.client.get("/status").json()["not_loaded"]["7"]
    assert "ada:…@db" in shown and "pass-word" not in shown


SERVER = """
import sys, time
from pathlib import Path
from tests.needs import mounted
from tests.serving.live import Lengths, live
with live(Path(sys.argv[1]), Lengths()) as server:
    print(server.address, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    judged: set[str] = set()
    for _ in range(2):
        command = [sys.executable, "-c", SERVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            client = httpx.Client(base_url=address, trust_env=False)
            enough = len(judged) + 30
            try:
                while True:
                    number = client.post("/predict", json={"inputs": [ROW]}).json()["ids"][0]
                    acknowledged.add(number)
                    client.post("/feedback", json={"id": number, "score": 1}).raise_for_status()
                    judged.add(number)
                    if len(judged) == enough:
                        os.kill(process.pid, signal.SIGKILL)
            except httpx.TransportError:
                client.close()
    assert len(judged) == 60
    assert acknowledged <= {one.id for one in log.predictions(tmp_path)}
    assert judged <= {one.prediction for one in log.feedback(tmp_path)}


def test_two_servers_of_one_project_are_one_too_many(tmp_path: Path) -> None:
    with (
        live(tmp_path),
        pytest.raises(Conflict, match="a server of this project is running"),
        live(tmp_path),
    ):
        pass


def test_a_port_in_use_names_the_way_out() -> None:
    with running.listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with (
            pytest.raises(CouldNotEvaluate, match=rf"port {port} .* --port 0"),
            running.listening("127.0.0.1", port),
        ):
            pass
    with pytest.raises(UsageError, match="--host"), running.listening("no.such.host.invalid", 0):
        pass


def refused(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as connection:
        return bool(connection.connect_ex((host, int(port))))


def test_a_server_that_stops_answers_what_is_in_flight(tmp_path: Path) -> None:
    statuses: list[int] = []

    def ask(address: str) -> None:
        answer = httpx.post(f"{address}/predict", json={"inputs": [ROW]}, timeout=PATIENCE)
        statuses.append(answer.status_code)

    slow = Lengths(before=lambda rows: wait_until("closing", lambda: refused(server.address)))
    with live(tmp_path, slow) as server:
        threads = [Thread(target=ask, args=(server.address,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until("three requests in flight", lambda: server.served.batcher.queued == 3)
    for thread in threads:
        thread.join(PATIENCE)
    assert statuses == [200] * 3
    assert len(log.predictions(tmp_path)) == 3
