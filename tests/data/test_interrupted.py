"""Two processes at once, a kill in mid-commit, a full disk: nothing that landed is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from fullturn.core.errors import DiskFull
from fullturn.data import versions
from tests.data.samples import QUESTIONS, commit, questions, serve
from tests.forks import forked
from tests.needs import mounted


@contextmanager
def committer(table: Path, actor: str) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """A process that commits whenever it is sent a number, and what kills it."""
    with forked(serve, table, actor) as (orders, process):
        assert orders.recv() == "ready"
        yield orders, process.kill


def test_of_two_commits_at_once_both_land_or_one_is_told_to_retry(tmp_path: Path) -> None:
    answers: dict[tuple[str, int], int | None] = {}
    with committer(tmp_path, "ann") as (ann, _), committer(tmp_path, "bob") as (bob, _):
        both = {"ann": ann, "bob": bob}
        race = 0
        while race < 20 or (race < 500 and None not in answers.values()):
            for orders in both.values():
                orders.send(race)
            answers |= {(actor, race): orders.recv() for actor, orders in both.items()}
            race += 1
    landed = {
        (version, actor, str(race))
        for (actor, race), version in answers.items()
        if version is not None
    }
    log = versions.log(tmp_path)
    assert {(v.version, v.actor, v.message) for v in log} == landed
    assert [v.parent for v in log] == [None, *(v.version for v in log[:-1])]
    assert race <= len(log) < 2 * race, "no race was ever lost: the processes never met"
    assert versions.load(tmp_path, QUESTIONS).version == log[-1]


def test_a_kill_in_mid_commit_leaves_every_landed_version_readable(tmp_path: Path) -> None:
    source = random.Random(3)
    landed = 0
    for attempt in range(8):
        with committer(tmp_path, f"victim-{attempt}") as (orders, kill):
            orders.send(0)
            acknowledged = orders.recv()
            for number in range(1, 20):
                orders.send(number)
            for _ in range(source.randrange(5)):
                acknowledged = orders.recv()
            time.sleep(source.uniform(0, 0.02))  # in the midst of the next one
            kill()
            with suppress(EOFError, ConnectionResetError):
                while True:
                    acknowledged = orders.recv()
        log = versions.log(tmp_path)
        assert log[-1].version >= acknowledged > landed
        assert versions.load(tmp_path, QUESTIONS).version == log[-1]
        landed = commit(tmp_path, questions(30, seed=attempt), actor="next").version
        assert landed == log[-1].version + 1
    log = versions.log(tmp_path)
    assert [v.version for v in log] == list(range(1, landed + 1))
    for version in log:
        versions.load(tmp_path, QUESTIONS, version.version, version.digest)


@pytest.fixture(params=["size=96k", "nr_inodes=12"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system that is full after a few commits, by bytes or by number of files."""
    with mounted(tmp_path / "disk", request.param) as folder:
        yield folder


def test_a_full_disk_is_told_and_earlier_versions_stay(
    small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = small_disk / "shop"
    landed = []
    with pytest.raises(DiskFull, match=f"no space left for {table}; nothing was committed"):
        for number in range(50):
            landed.append(commit(table, questions(60, seed=number)))
    assert versions.log(table) == landed != []
    assert versions.load(table, QUESTIONS).version == landed[-1]
    assert "panicked" not in capfd.readouterr().err, "deltalake was let run into a full disk"
