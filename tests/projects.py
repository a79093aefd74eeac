"""Projects that are made once in a session of tests, for all its processes, and copied."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fullturn

WINE = Path(fullturn.__file__).parent / "demo" / "examples" / "wine"


class Once:
    """Folders made by whichever process of the session asks first; the others wait for it."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder that `make` fills: nobody changes it, everybody copies it."""
        place = self._place / name
        place.mkdir(parents=True, exist_ok=True)
        made, done = place / "project", place / "done"
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(made, ignore_errors=True)
                make(made)
                done.touch()
        return made


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """What is made once, whatever the number of workers."""
    own = tmp_path_factory.getbasetemp()
    return Once((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "once")


@pytest.fixture(scope="session")
def empty_database(once: Once) -> Path:
    """An MLflow database with its tables made, which takes seconds: copied for each test."""
    from fullturn.store import Store

    def make(folder: Path) -> None:
        assert Store(f"sqlite:///{folder / 'mlflow.db'}", "template", folder).experiment_id

    return once.folder("database", make) / "mlflow.db"


def copied(project: Path, to: Path) -> Path:
    """A copy of a project elsewhere."""
    return shutil.copytree(project, to)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project of the example with wines: its app importable, its rows written."""
    root = tmp_path_factory.mktemp("wine")
    (root / "fullturn.toml").write_text('name = "wine"\napp = "wine_app:WineApp"\n')
    for path in WINE.glob("wine_*.py"):
        shutil.copy(path, root)
    before = list(sys.path)
    sys.path.insert(0, str(root))
    from wine_data import write_csv  # type: ignore[import-not-found]

    write_csv(root / "wine.csv")
    yield root
    sys.path[:] = before
    for name in ("wine_data", "wine_app"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def registered_once(once: Once, empty_database: Path) -> Path:
    """A project whose models are another team's, with one dataset version."""
    from fullturn.verbs.data import commit
    from fullturn.verbs.workspace import Workspace
    from tests.registered import make

    def fill(folder: Path) -> None:
        make(folder, empty_database)
        commit(Workspace.open(folder), [], "first")

    return once.folder("registered", fill)


@pytest.fixture(scope="session")
def committed_once(once: Once, empty_database: Path) -> Path:
    """A project around the toy app with one dataset version."""
    from fullturn.verbs.data import commit
    from fullturn.verbs.workspace import Workspace
    from tests.verbs.conftest import TOML, write_rows
    from tests.verbs.toy import messages

    def make(folder: Path) -> None:
        (folder / ".fullturn").mkdir(parents=True)
        shutil.copy(empty_database, folder / ".fullturn" / "mlflow.db")
        (folder / "fullturn.toml").write_text(TOML)
        write_rows(folder / "messages.csv", messages(1000, seed=1))
        commit(Workspace.open(folder), [], "first")

    return once.folder("committed", make)


@pytest.fixture(scope="session")
def trained_once(once: Once, committed_once: Path) -> Path:
    """The same with a training run of the app's defaults."""
    from fullturn.verbs.train import train
    from fullturn.verbs.workspace import Workspace

    def make(folder: Path) -> None:
        train(Workspace.open(copied(committed_once, folder)))

    return once.folder("trained", make)


@pytest.fixture(scope="session")
def gated_once(once: Once, trained_once: Path) -> Path:
    """The same with its gate's report: version 1, which nobody promoted."""
    from fullturn.verbs.gate import gate
    from fullturn.verbs.workspace import Workspace

    def make(folder: Path) -> None:
        assert gate(Workspace.open(copied(trained_once, folder)), "best").report.outcome == "PASSED"

    return once.folder("gated", make)


@pytest.fixture(scope="session")
def promoted_once(once: Once, gated_once: Path) -> Path:
    """The same with version 1 as champion."""
    from fullturn.verbs.promote import promote
    from fullturn.verbs.workspace import Workspace

    def make(folder: Path) -> None:
        promote(Workspace.open(copied(gated_once, folder)), "1", "the first")

    return once.folder("promoted", make)


@pytest.fixture(scope="session")
def turned_once(once: Once, committed_once: Path) -> Path:
    """A project after its first turn: version 1 is champion, and nothing is due."""
    from fullturn.verbs.turn import turn
    from fullturn.verbs.workspace import Workspace

    return once.folder(
        "turned", lambda folder: turn(Workspace.open(copied(committed_once, folder)))
    )


@pytest.fixture(scope="session")
def pristine(once: Once, committed_once: Path) -> Path:
    """A champion that was asked about something new: the next turn goes through every stage."""
    from tests.verbs.new_subject import be_asked

    return once.folder("new-subject", lambda folder: be_asked(copied(committed_once, folder)))
