"""A PostgreSQL server of our own, from Debian's package, for the length of a `with` block.

It listens on 127.0.0.1 only, trusts whoever connects, and writes into a folder that goes with it.
PostgreSQL refuses to run as root: then the package's own user `postgres` runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import POSTGRESQL, without

USER = "postgres"
OPTIONS = "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"


def programs() -> Path:
    """Where `initdb` and `pg_ctl` are; without them the test is skipped, but fails in CI."""
    found = shutil.which("pg_ctl")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not (found or installed):
        without(POSTGRESQL)
    return Path(found or installed[-1]).parent


class PostgreSQL:
    """A server with an empty database, which can be stopped and started."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._place = folder, programs()
        self._options = OPTIONS.format(port=port)
        self.uri = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        """Its address, as SQLAlchemy and MLflow take it."""
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        _run(folder, self._place / "initdb", "-D", self._data, "-U", USER, "--auth=trust",
             "--no-sync")  # fmt: skip

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._folder / "log"
        self._control("-l", log, "-w", "-o", self._options, "start")

    def stop(self) -> None:
        """Stop it at once, as a power failure would: connections break."""
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *words: str | Path) -> None:
        _run(self._folder, self._place / "pg_ctl", "-D", self._data, *words)


@contextmanager
def running(port: int) -> Iterator[PostgreSQL]:
    """A server that is running at first."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        server = PostgreSQL(Path(name), port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgresql(port: int) -> Iterator[str]:
    """The address of an empty database, as SQLAlchemy and MLflow take it."""
    with running(port) as server:
        yield server.uri


def _run(folder: Path, *words: str | Path) -> None:
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    command = [*as_user, *map(str, words)]
    # Into a file: the server would hold a pipe open for as long as it runs.
    with (folder / "commands.log").open("ab") as log:
        done = subprocess.run(command, stdout=log, stderr=log, cwd=folder, check=False)
    said = (folder / "commands.log").read_text(errors="replace")
    assert done.returncode == 0, f"{' '.join(command)}:\n{said}"
