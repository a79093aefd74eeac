"""Real tracking stores for the tests: SQLite files, PostgreSQL, and `mlflow server` over HTTP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from fullturn.core import redaction
from tests.needs import LOGINS, without
from tests.postgresql import postgresql
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from fullturn.store import Store

PASSWORD = "a password of these tests"
"""Of every login."""
pytest_plugins = ["tests.browsers", "tests.projects", "tests.skipped", "tests.speed"]

PYTHONPATH = os.pathsep.join(
    filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))
)
"""For processes that import an app of these tests."""

redaction.redacted("")  # the secrets of the environment, before pytest names a test in it
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"


def pytest_runtest_setup() -> None:
    """MLflow writes the addresses that a process has set to its environment, for its children."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """What is a secret in one test is an ordinary word in the next."""
    noted, compiled = (vars(redaction)[name] for name in ("_noted", "_compiled"))
    before = set(noted), list(compiled)
    yield
    noted.intersection_update(before[0])
    compiled[:] = before[1]


@pytest.fixture
def sqlite_uri(empty_database: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite tracking store."""
    state = tmp_path / ".fullturn"
    state.mkdir(exist_ok=True)
    shutil.copy(empty_database, state / "mlflow.db")
    return f"sqlite:///{state / 'mlflow.db'}"


@pytest.fixture
def store(sqlite_uri: str, tmp_path: Path) -> Store:
    """A store on SQLite."""
    from fullturn.store import Store

    return Store(sqlite_uri, "project", tmp_path / ".fullturn" / "artifacts")


@pytest.fixture(scope="session")
def server_uri(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real `mlflow server` on loopback."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder / "mlflow.db")
    with mlflow_server(folder, f"sqlite:///{folder / 'mlflow.db'}") as uri:
        yield uri


@pytest.fixture(scope="session")
def postgresql_server_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same on a PostgreSQL of its own."""
    folder = tmp_path_factory.mktemp("server")
    with postgresql(free_port()) as database, mlflow_server(folder, database) as uri:
        yield uri


@pytest.fixture(scope="session")
def server_with_logins(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server that asks for logins: `admin` may do anything, `reader` may read; of each the
    password is `PASSWORD`."""
    if find_spec("flask_wtf") is None:
        without(LOGINS)
    folder = tmp_path_factory.mktemp("logins")
    shutil.copy(empty_database, folder / "mlflow.db")
    settings = {
        "default_permission": "READ",
        "database_uri": f"sqlite:///{folder / 'logins.db'}",
        "admin_username": "admin",
        "admin_password": PASSWORD,
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (folder / "auth.ini").write_text("\n".join(["[mlflow]", *lines]))
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of these tests",
    }
    database = f"sqlite:///{folder / 'mlflow.db'}"
    with mlflow_server(folder, database, "--app-name", "basic-auth", **environment) as uri:
        answer = httpx.post(
            f"{uri}/api/2.0/mlflow/users/create",
            auth=("admin", PASSWORD),
            json={"username": "reader", "password": PASSWORD},
        )
        assert answer.status_code == 200, answer.text
        yield uri


@contextmanager
def mlflow_server(
    folder: Path, database: str, *options: str, port: int = 0, **environment: str
) -> Iterator[str]:
    """The address of an `mlflow server` with its files in a folder."""
    port = port or free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", database, "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), *options),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=os.environ | environment
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_for(f"{uri}/health", lambda: server.poll() is None)
        yield uri
    finally:
        os.killpg(server.pid, 9)
        server.wait()


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    """A real PostgreSQL on loopback, without the server of MLflow before it."""
    with postgresql(free_port()) as uri:
        yield uri


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(params=DATABASES)
def database_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store on SQLite, then one on PostgreSQL: MLflow writes to it in this process."""
    return _new_project(request, tmp_path)


@pytest.fixture(params=[*DATABASES, pytest.param("server", marks=pytest.mark.slow)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store on SQLite, then one on PostgreSQL, then one on a server over HTTP."""
    return _new_project(request, tmp_path)


def _new_project(request: pytest.FixtureRequest, folder: Path) -> Store:
    from fullturn.store import Store

    uri, files = request.getfixturevalue(f"{request.param}_uri"), folder / "files"
    files.mkdir()
    root = str(files) if request.param == "postgresql" else None
    return Store(uri, f"project-{uuid4().hex[:8]}", folder / ".fullturn" / "artifacts", root)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(address: str, alive: Callable[[], bool]) -> None:
    """Wait until an address answers; fail at once if who should answer has ended."""

    def answers() -> bool:
        assert alive(), f"the process that should answer at {address} has ended"
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE):
                return True
        except OSError:
            return False

    wait_until(f"an answer of {address}", answers)
