"""A tracked run ends truthfully, and loses no metric."""

import subprocess
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from fullturn.core.entities import RunRecord
from fullturn.core.errors import StoreUnavailable
from fullturn.core.journal import Journal
from fullturn.core.steps import encode_step
from fullturn.core.tags import PREFIX
from fullturn.store import Store
from fullturn.tracking import runs
from fullturn.tracking.runs import RunPlan, TrackedRun, journal_path, reap
from tests.conftest import free_port
from tests.forks import forked
from tests.postgresql import running
from tests.store.plain import logged_steps
from tests.waiting import PATIENCE


def track(orders: Connection, uri: str, name: str, folder: Path) -> None:
    """Log to a run, say which, and wait."""
    store = Store(uri, name, folder / "artifacts")
    with TrackedRun(store, folder, folder, RunPlan("train", "child")) as run:
        for step in range(1000):
            run.log(step, {"loss": 1 / (step + 1)})
        orders.send(run.id)
        orders.recv()


def opened(store: Store, folder: Path) -> TrackedRun:
    return TrackedRun(store, folder, folder, RunPlan("train", "mine", {"a": 1}, seed=3))


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
    with forked(track, store.uri, store.name, tmp_path) as (orders, process):
        run_id = orders.recv()
        process.terminate()
        process.join(PATIENCE)
    assert store.run(run_id).status == "KILLED"
    assert logged_steps(store, run_id, "loss") == list(range(1000))


@pytest.mark.slow
def test_after_sigkill_the_reaper_ends_the_run_and_no_metric_is_lost(
    store: Store, tmp_path: Path
) -> None:
    with forked(track, store.uri, store.name, tmp_path) as (orders, _):
        run_id = orders.recv()
    assert store.run(run_id).status == "RUNNING"
    ended = reap(store, tmp_path)
    assert [run.id for run in ended] == [run_id]
    assert store.run(run_id).status == "KILLED"
    assert logged_steps(store, run_id, "loss") == list(range(1000))


@pytest.mark.slow
def test_a_run_that_ends_while_its_database_is_away_loses_nothing_and_is_closed_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "DRAIN_SECONDS", 1)
    with running(free_port()) as database:
        (tmp_path / "files").mkdir()
        store = Store(database.uri, "project", tmp_path, str(tmp_path / "files"))
        store.patience = 0.0
        with (
            pytest.raises(StoreUnavailable, match=r"again\. Run .* is still open there, and "),
            opened(store, tmp_path) as run,
        ):
            run.log(0, {"loss": 1.0})
            database.stop()
            for step in range(1, 250):
                run.log(step, {"loss": 1 / (step + 1)})
        with pytest.raises(StoreUnavailable, match="is unreachable"):
            reap(store, tmp_path)
        database.start()
        assert store.run(run.id).status == "RUNNING"
        assert reap(store, tmp_path) == []
        assert store.run(run.id).status == "FINISHED"
        assert logged_steps(store, run.id, "loss") == list(range(250))
        assert not any((tmp_path / runs.JOURNALS).iterdir())


def test_what_a_power_loss_left_of_a_journal_is_sent_and_the_rest_set_aside(
    store: Store, tmp_path: Path
) -> None:
    run_id = store.start_run("train", "dark", {}, {})
    store.end_run(run_id, "KILLED")
    path = journal_path(tmp_path, run_id)
    with Journal(path) as journal:
        journal.append_many(encode_step(step, 1, {"loss": 1.0}) for step in range(10))
    path.write_bytes(path.read_bytes()[:-5] + bytes(5))
    assert reap(store, tmp_path) == []
    assert logged_steps(store, run_id, "loss") == list(range(9))
    assert not path.exists() and len(list(path.parent.glob("*.damaged-*"))) == 1


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
