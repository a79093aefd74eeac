"""A tracked run ends truthfully, and loses no metric."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fullturn.core.entities import RunRecord
from fullturn.core.tags import PREFIX
from fullturn.store import Store
from fullturn.tracking.runs import RunPlan, TrackedRun, reap
from tests.store.plain import logged_steps
from tests.waiting import PATIENCE

CHILD = """
import os, sys, time
from pathlib import Path
from fullturn.tracking.runs import RunPlan, TrackedRun
from fullturn.store import Store

store = Store(sys.argv[1], sys.argv[2], Path(sys.argv[3]) / "artifacts")
with TrackedRun(store, Path(sys.argv[3]), Path(sys.argv[3]), RunPlan("train", "child")) as run:
    for step in range(1000):
        run.log(step, {"loss": 1 / (step + 1)})
    print(run.id, flush=True)
    time.sleep(600)
"""


def opened(store: Store, folder: Path) -> TrackedRun:
    return TrackedRun(store, folder, folder, RunPlan("train", "mine", {"a": 1}, seed=3))


def child(store: Store, folder: Path) -> tuple["subprocess.Popen[str]", str]:
    words = [sys.executable, "-W", "ignore", "-c", CHILD, store.uri, store.name, str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_block_that_ends_leaves_a_finished_run_with_all_its_metrics(
    any_store: Store, tmp_path: Path
) -> None:
    with opened(any_store, tmp_path) as run:
        for step in range(250):
            run.log(step, {"loss": float(step)})
    record = any_store.run(run.id)
    assert record.status == "FINISHED"
    assert logged_steps(any_store, run.id, "loss") == list(range(250))
    assert record.tags[PREFIX + "seed"] == "3"
    assert {PREFIX + key for key in ("dirty", "environment", "owner", "pid", "host")} <= set(
        record.tags
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("boom"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(1), "KILLED")],
)
def test_a_block_that_raises_leaves_the_true_status(
    store: Store, tmp_path: Path, error: BaseException, status: str
) -> None:
    run = opened(store, tmp_path)
    with pytest.raises(type(error)), run:
        raise error
    assert store.run(run.id).status == status
    assert type(error).__name__ in store.run(run.id).tags[PREFIX + "error"]


@pytest.mark.slow
def test_sigterm_ends_the_run_killed(store: Store, tmp_path: Path) -> None:
    process, run_id = child(store, tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert store.run(run_id).status == "KILLED"
    assert logged_steps(store, run_id, "loss") == list(range(1000))


@pytest.mark.slow
def test_after_sigkill_the_reaper_ends_the_run_and_no_metric_is_lost(
    store: Store, tmp_path: Path
) -> None:
    process, run_id = child(store, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert store.run(run_id).status == "RUNNING"
    ended = reap(store, tmp_path)
    assert [run.id for run in ended] == [run_id]
    assert store.run(run_id).status == "KILLED"
    assert logged_steps(store, run_id, "loss") == list(range(1000))


def test_the_reaper_leaves_living_runs_alone(store: Store, tmp_path: Path) -> None:
    with opened(store, tmp_path) as run:
        assert reap(store, tmp_path) == []
        assert store.run(run.id).status == "RUNNING"


def test_a_run_names_the_uncommitted_difference(store: Store, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    def run_of() -> RunRecord:
        with opened(store, tmp_path) as run:
            pass
        return store.run(run.id)

    git("init")
    (tmp_path / ".gitignore").write_text(".fullturn/\njournals/\n")
    (tmp_path / "code.py").write_text("a = 1\n")
    git("add", ".")
    git("commit", "-m", "one")
    clean = run_of()
    (tmp_path / "code.py").write_text("a = 2\n")
    dirty = run_of()
    (tmp_path / "code.py").write_text("a = 3\n")
    other = run_of()
    assert (clean.tags[PREFIX + "dirty"], dirty.tags[PREFIX + "dirty"]) == ("false", "true")
    assert clean.tags[PREFIX + "commit"] == dirty.tags[PREFIX + "commit"]
    assert dirty.tags[PREFIX + "diff"] != other.tags[PREFIX + "diff"]
