"""Two machines with folders and states of their own, on one tracking server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from fullturn.core.errors import CouldNotEvaluate, RowsMissing, exit_code
from fullturn.core.tags import PREFIX
from fullturn.release import state
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.promote import promote
from fullturn.verbs.release import release
from fullturn.verbs.reproduce import reproduce
from fullturn.verbs.train import train
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from tests.conftest import PYTHONPATH
from tests.forks import command
from tests.projects import copied
from tests.verbs.conftest import TOML, write_rows
from tests.verbs.toy import messages

Machines = tuple[Workspace, Workspace]


def on_server(project: Path, folder: Path, uri: str, name: str) -> Workspace:
    """A machine with the rows of `project` and an empty state, on a server."""
    copied(project, folder)
    (folder / ".fullturn" / "mlflow.db").unlink()
    first = f'name = "{name}"\ntracking_uri = "{uri}"'
    (folder / "fullturn.toml").write_text(TOML.replace('name = "toy"', first, 1))
    made = Workspace.open(folder)
    commit(made, [], "first")
    return made


@pytest.fixture
def machines(committed_once: Path, server_uri: str, tmp_path: Path) -> Machines:
    """Two machines with the same first dataset version."""
    name = f"toy-{uuid4().hex[:8]}"
    a, b = (on_server(committed_once, tmp_path / one, server_uri, name) for one in "ab")
    return a, b


def commit_rows(project: Workspace, seed: int) -> None:
    write_rows(project.root / "messages.csv", messages(1000, seed=seed))
    commit(project, [], f"rows of seed {seed}")


@pytest.mark.slow
def test_a_gate_whose_rows_another_machine_has_changes_no_verdict(machines: Machines) -> None:
    a, b = machines
    commit_rows(a, 2)
    commit_rows(b, 3)
    trained = train(a).run.id
    passed = gate(a, trained)
    assert passed.report.outcome == "PASSED"
    before, gates = a.store.run(trained).tags, len(a.store.runs("gate"))
    with pytest.raises(RowsMissing, match=r"are not in .*b.*; commit the same files") as found:
        gate(b, trained)
    assert exit_code(found.value) == 4
    assert a.store.run(trained).tags == before
    assert len(a.store.runs("gate")) == gates
    promote(a, passed.version.version if passed.version else 0, "the first")
    runs = len(a.store.runs())
    with pytest.raises(RowsMissing, match="are not in"):
        reproduce(b, 1)
    assert len(b.store.runs()) == runs


@pytest.mark.slow
def test_gate_and_verify_leave_no_folder_behind(machines: Machines, tmp_path: Path) -> None:
    a, b = machines
    train(a)
    for place, words in ((a, ("gate", "best")), (b, ("verify", "1"))):
        temporary = tmp_path / words[0]
        temporary.mkdir()
        command = [sys.executable, "-m", "fullturn", "-C", str(place.root), *words]
        environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": PYTHONPATH}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 4), done.stderr  # 4: the key of the other machine is not here
        assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_the_same_rows_are_found_by_digest_whatever_their_number(machines: Machines) -> None:
    a, b = machines
    commit_rows(b, 3)
    commit_rows(a, 2)
    commit_rows(b, 2)  # version 3 here, version 2 there
    trained = train(a).run
    assert trained.tags[PREFIX + "data"] == "2"
    assert gate(b, trained.id).report.outcome == "PASSED"
    repeated = reproduce(b, 1)
    assert repeated.same
    assert b.store.run(repeated.repeated).tags[PREFIX + "data"] == "3"


@pytest.mark.slow
def test_of_two_machines_that_release_at_once_one_is_told_who_releases_what(
    machines: Machines,
) -> None:
    a, b = machines
    numbers = []
    for smoothing in (1.0, 1.1, 1.2):
        gated = gate(a, train(a, {"smoothing": smoothing}).run.id, register=True)
        assert gated.version is not None
        numbers.append(gated.version.version)
        if len(numbers) == 1:
            promote(a, 1, "the first")
    started = [
        command(one.root, "deliver", str(n)) for one, n in zip(machines, (2, 3), strict=True)
    ]
    assert sorted(one.ended() for one in started) == [0, 1]
    winner = state.under_way(a.store)
    assert winner is not None
    [refused] = [one.err for one in started if one.ended() == 1]
    said = " ".join(refused.split())
    assert f"tester is releasing version {winner.version} against 1 since 20" in said
    with pytest.raises(CouldNotEvaluate, match="run this where the server runs, or `fullturn del"):
        release(b, winner.version)
    commit_rows(b, 3)  # there is a better candidate while the release goes on
    steps = {step.stage: step for step in turn(b)}
    assert not steps["release"].done and "another is being released" in steps["release"].why


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_first_trainings_on_the_same_rows_at_once_all_succeed(
    committed_once: Path, tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    uri = request.getfixturevalue("server_uri" if database == "sqlite" else "postgresql_server_uri")
    name = f"toy-{uuid4().hex[:8]}"
    made = [on_server(committed_once, tmp_path / one, uri, name) for one in "abcd"]
    commands = [command(one.root, "train") for one in made]
    assert [one.ended() for one in commands] == [0] * 4, [one.err for one in commands]
    runs = made[0].store.runs("train")
    assert [run.status for run in runs] == ["FINISHED"] * 4
    assert len({run.tags[PREFIX + "data_digest"] for run in runs}) == 1
