"""The pipeline where something around the model changes: scorer, token, another pipeline."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import run
from fullturn.registry import promotion
from fullturn.store import Store
from tests.forks import Command, command
from tests.verbs.test_pipeline import cloned, committed, git, mine, report, with_params

__all__ = ["mine"]
pytestmark = pytest.mark.slow
OWN = """\
from tests.verbs.toy import Toy


class Own(Toy):
    def score(self, row, output):
        return {"right": SCORE * float(output["label"] == row.expected["label"])}
"""


def ended(process: Command) -> tuple[int, str]:
    """Exit code and output of a pipeline in a process of its own."""
    return process.ended(), process.out + process.err


def test_a_champion_is_scored_again_by_a_changed_scorer(mine: Path) -> None:
    (mine / "own.py").write_text(OWN.replace("SCORE", "1.0"))
    toml = (mine / "fullturn.toml").read_text().replace("tests.verbs.toy:Toy", "own:Own")
    (mine / "fullturn.toml").write_text(toml)
    committed(mine, "An app of our own")
    code, said = ended(command(mine, "cd"))
    assert code == 0, said
    (mine / "own.py").write_text(OWN.replace("SCORE", "0.8"))
    committed(mine, "A stricter scorer", branch="stricter")
    code, said = ended(command(mine, "ci"))
    assert list(report(mine)["files"]) == ["own.py"], said
    [right] = report(mine)["scores"]
    assert right["champion"] == pytest.approx(right["candidate"]), said
    assert right["champion"] < 0.8, "the champion's old score, above 0.9, is not taken"
    assert code == 0, said


class Guarded(BaseHTTPRequestHandler):
    """A proxy that asks for a token, as teams put one in front of MLflow. Test server."""

    server_uri: str

    def do_GET(self) -> None:
        self._pass_on(None)

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_PUT = do_PATCH = do_POST

    def _pass_on(self, body: bytes | None) -> None:
        if self.headers.get("Authorization") != "Bearer valid":
            self._answer(401, b'{"error_code": "UNAUTHENTICATED", "message": "token expired"}')
            return
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        request = urllib.request.Request(
            self.server_uri + self.path, body, headers, method=self.command
        )
        try:
            with urllib.request.urlopen(request) as answer:
                self._answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def guarded_uri(server_uri: str) -> Iterator[str]:
    """A real tracking server behind a proxy that asks for a token."""
    handler = type("Here", (Guarded,), {"server_uri": server_uri})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_wrong_token_is_named_by_its_variable_and_not_shown(
    mine: Path,
    guarded_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded_uri)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2")
    assert run(["-C", str(mine), "ci"]) == 4
    said = capsys.readouterr()
    assert "MLFLOW_TRACKING_TOKEN" in said.err and "hunter2" not in said.err + said.out
    page = (mine / "ci-report" / "report.md").read_text()
    assert "TRACKING" in page and "hunter2" not in page
    assert report(mine)["verdict"] == "COULD_NOT_EVALUATE"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "valid")
    (mine / "fullturn.toml").write_text(
        (mine / "fullturn.toml").read_text().replace('"toy"', '"guarded"')
    )
    assert run(["-C", str(mine), "ci"]) == 0


def test_two_pipelines_at_once_on_one_registry_leave_one_champion_and_lose_nothing(
    mine: Path, tmp_path: Path, server_uri: str
) -> None:
    toml = (mine / "fullturn.toml").read_text().replace('"toy"', '"twice"')
    (mine / "fullturn.toml").write_text(toml)
    committed(mine, "A name of its own")
    for smoothing in ("0.5", "2.0"):
        with_params(mine, f"smoothing = {smoothing}")
        committed(mine, smoothing, branch=f"at-{smoothing}")
        git(mine, "switch", "--quiet", "main")
    clones = []
    for number, branch in enumerate(("at-0.5", "at-2.0")):
        clones.append(cloned(mine, tmp_path / f"clone-{number}"))
        git(clones[-1], "switch", "--quiet", branch)
    both = [command(clone, "cd", MLFLOW_TRACKING_URI=server_uri) for clone in clones]
    codes, said = zip(*map(ended, both), strict=True)
    assert set(codes) <= {0, 1, 3} and 0 in codes, "\n".join(said)
    assert not any("Traceback" in one for one in said)
    store = Store(server_uri, "twice", tmp_path / "artifacts")
    number = promotion.champion(store)
    effective = [entry for entry in promotion.history(store) if entry.effective]
    assert number == effective[-1].version
    registered = [version.version for version in store.versions("twice")]
    assert registered == list(range(1, len(registered) + 1)) and number in registered
    for clone, code in zip(clones, codes, strict=True):
        told = json.loads((clone / "ci-report" / "report.json").read_text())
        assert told["verdict"] == "PASSED" or code != 0
