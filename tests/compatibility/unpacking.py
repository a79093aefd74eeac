"""A project of an earlier version, unpacked where a test wants it, and worked on by command."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.forks import command
from tests.waiting import wait_until

OLD_HOST = "fixture-host"
ARCHIVE = Path(__file__).parent / "project-0.1.tar.xz"


def unpack(folder: Path) -> Path:
    """Unpack the project into `folder`; returns its root."""
    with tarfile.open(ARCHIVE) as packed:
        packed.extractall(folder, filter="data")
    root = folder / "project"
    database = root / ".fullturn" / "mlflow.db"
    # A run whose process died is only ended on the machine that started it: be that machine.
    replace_everywhere(database, OLD_HOST, socket.gethostname())
    return root


def replace_everywhere(database: Path, old: str, new: str) -> None:
    """Replace a text in every text column of every table of a SQLite file."""
    with closing(sqlite3.connect(database)) as opened:
        tables = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for _, column, *_ in opened.execute(f'PRAGMA table_info("{table}")').fetchall():
                opened.execute(
                    f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                    f'WHERE typeof("{column}") = \'text\' AND instr("{column}", ?)',
                    (old, new, old),
                )
        opened.commit()


def fullturn(root: Path, *words: str, code: int = 0) -> Any:
    """What a command answers in JSON, run as a person would: in a process of its own."""
    done = command(root, *words, "--json")
    assert done.ended() == code, (words, done.out, done.err)
    return json.loads(done.out)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of `fullturn serve`, for the length of a `with` block."""
    server = command(root, "serve", "--port", "0", "--json")
    try:
        wait_until("an address", lambda: "\n" in server.out or not server.process.is_alive())
        yield str(json.loads(server.out.partition("\n")[0])["address"])
    finally:
        server.process.terminate()
        assert server.ended() == 0, server.err


def environment() -> dict[str, str]:
    """Without what would point MLflow elsewhere."""
    pointing = {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"}
    others = {name: value for name, value in os.environ.items() if name not in pointing}
    return {**others, "PYTHONWARNINGS": "ignore"}
