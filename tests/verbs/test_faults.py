"""What breaks in the middle: killed processes, a server that goes away, a full disk."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fullturn.core import extras
from fullturn.core.errors import SettingsError
from fullturn.store import Store
from fullturn.verbs.turn import turn
from fullturn.verbs.verify import verify
from fullturn.verbs.workspace import Workspace
from tests.conftest import free_port, wait_for
from tests.forks import command
from tests.needs import mounted
from tests.store.plain import logged_steps
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def wait_for_run(store: Store) -> str:
    """The id of a training run that has logged something."""

    def begun() -> str:
        return next((run.id for run in store.runs("train") if "vocabulary" in run.metrics), "")

    return wait_until("a run to start", begun)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    filler = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while os.write(filler, b"x" * 4096):
            pass
    except OSError:
        os.close(filler)


def server(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    where = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    log = subprocess.DEVNULL
    started = subprocess.Popen(
        [sys.executable, *words, *where, "--artifacts-destination", str(folder / "artifacts")],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    wait_for(f"http://127.0.0.1:{port}/health", lambda: started.poll() is None)
    return started


def stop(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_train_that_is_killed_is_closed_by_the_next_command(project: Workspace) -> None:
    training = command(project.root, "train", "-p", "fault=hangs")
    run_id = wait_for_run(project.store)
    training.kill()
    listing = command(project.root, "runs", "--json")
    assert listing.ended() == 0, listing.err
    [run] = json.loads(listing.out)
    assert (run["id"], run["status"]) == (run_id, "KILLED")
    assert "process is gone" in run["tags"]["fullturn.error"]


def test_a_server_that_goes_away_in_mid_run_loses_nothing(
    project: Workspace, empty_database: Path, tmp_path: Path
) -> None:
    folder, port = tmp_path / "server", free_port()
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    uri = f"http://127.0.0.1:{port}"
    first = server(folder, port)
    training = command(project.root, "train", "-p", "fault=hangs", MLFLOW_TRACKING_URI=uri)
    store = Store(uri, "toy", tmp_path)
    run_id = wait_for_run(store)
    stop(first)
    (project.root / "go on").touch()
    assert training.ended() == 4
    err = training.err
    assert uri in err and "fullturn runs" in err and "Traceback" not in err
    second = server(folder, port)
    try:
        again = command(project.root, "runs", "--json", MLFLOW_TRACKING_URI=uri)
        assert again.ended() == 0, (again.out, again.err)
        [run] = json.loads(again.out)
        assert (run["id"], run["status"]) == (run_id, "FAILED")
        assert "StoreUnavailable" in run["tags"]["fullturn.error"]
        assert logged_steps(store, run_id, "after") == list(range(100))
    finally:
        stop(second)


def test_a_server_that_is_down_ends_the_command_with_4(project: Workspace) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    training = command(project.root, "train", MLFLOW_TRACKING_URI=uri)
    assert training.ended() == 4
    assert uri in training.err and "Traceback" not in training.err


def test_a_full_disk_ends_the_command_with_4_and_keeps_what_was_there(
    project: Workspace, tmp_path: Path
) -> None:
    with mounted(tmp_path / "small", "size=4m") as small:
        shutil.copytree(project.root, small / "project")
        root = small / "project"
        fill(small / "filler")
        refused = command(root, "train")
        assert refused.ended() == 4, refused.err
        assert "Traceback" not in refused.err
        (small / "filler").unlink()
        listing = command(root, "data", "log", "--json")
        assert listing.ended() == 0 and json.loads(listing.out)[0]["rows"] == 1000
        assert command(root, "train", "--json").ended() == 0


@pytest.mark.parametrize(
    "asked", ['[signing]\nmethod = "key"\n\n[gates]', "[serving]\nsigned = true\n\n[gates]"]
)
def test_a_turn_without_the_extra_says_so_before_it_trains_where_signatures_are_asked_for(
    project: Workspace, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    toml = project.root / "fullturn.toml"
    toml.write_text(toml.read_text().replace("[gates]", asked))
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"fullturn\[signing\].*method = 'none'"):
        turn(Workspace.open(project.root))
    assert not project.store.runs()


def test_without_the_extra_a_turn_leaves_evidence_unsigned_and_says_so(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    [said] = [step for step in turn(project) if step.stage == "evidence"]
    assert said.what == "not signed" and "pip install 'fullturn[signing]'" in said.why
    found = {one.name: one for one in verify(project, "1").findings}
    assert found["signature"].outcome == "NOT_APPLICABLE"
    assert "pip install 'fullturn[signing]'" in found["signature"].reason
    assert found["history"].outcome == "PASSED"
    monkeypatch.undo()  # once the extra is there, a signature is expected
    later = {one.name: one for one in verify(project, "1").findings}
    assert later["signature"].outcome == "FAILED"
