"""What the benchmarks of serving share: a project with champions, servers, and the load on them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fullturn
from fullturn.core.tags import VersionTags
from fullturn.registry import promotion, versions
from fullturn.registry.versions import located
from fullturn.verbs.data import commit
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace

WINE = Path(fullturn.__file__).parent / "demo" / "examples" / "wine"
HERE = Path(__file__).parent
PATIENCE = 120.0
CONSTANT = '''"""The wine app without its model: what is left is the server."""

from wine_app import WineApp


class Constant:
    def predict(self, rows):
        return [{"label": "one", "confidence": 0.5} for _ in rows]


class ConstantApp(WineApp):
    def load(self, bundle):
        return Constant()
'''
TOML = """\
name = "wine"
app = "{app}"

[data]
files = ["wine.csv"]

[serving]
poll = {poll}
follow_alias = true
"""
Row = dict[str, float]


def wine_project(root: Path, app: str, *, count: int = 1, poll: float = 0.5) -> Workspace:
    """A project with so many versions, the first of them champion; gates are left out."""
    root.mkdir(parents=True)
    for path in WINE.glob("wine_*.py"):
        shutil.copy(path, root)
    (root / "constant_app.py").write_text(CONSTANT, encoding="utf-8")
    (root / "fullturn.toml").write_text(TOML.format(app=app, poll=poll), encoding="utf-8")
    sys.path.insert(0, str(root))
    from wine_data import write_csv  # type: ignore[import-not-found]

    write_csv(root / "wine.csv")
    project = Workspace.open(root)
    commit(project, [], "wine")
    for number in range(count):
        run = train(project, {"C": 1.0 + number}).run
        source, digest = located(run)
        tags = VersionTags(bundle=digest, outcome="PASSED", gate=run.id).write()
        project.store.register("wine", source, run.id, tags)
    promote(project, 1)
    return project


def promote(project: Workspace, number: int) -> None:
    """Make a version the champion."""
    version = versions.version(project.store, str(number))
    promotion.promote(project.store, version, promotion.Admission(), actor="bench", reason="bench")


def rows(project: Workspace) -> list[Row]:
    """All wines."""
    with (project.root / "wine.csv").open(encoding="utf-8") as file:
        return [
            {name: float(value) for name, value in row.items() if name not in ("id", "cultivar")}
            for row in csv.DictReader(file)
        ]


def write_bodies(path: Path, bodies: Sequence[Any]) -> Path:
    """A file for the load generator."""
    path.write_text("\n".join(json.dumps(body) for body in bodies), encoding="utf-8")
    return path


@contextmanager
def serving(project: Workspace) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`fullturn serve` of a project; its address and its process."""
    words = ["-C", str(project.root), "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fullturn", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("fullturn serve did not start; its error is above")
        address = json.loads(line)["address"]
        threading.Thread(target=process.stdout.read, daemon=True).start()
        await_answer(f"{address}/readyz", process)
        yield address, process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def command(
    words: Sequence[str], ready: str, folder: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Another server, from a command; killed with its children at the end."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=folder, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    try:
        if not await_answer(ready, process):
            raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-600:])
        yield process
    finally:
        if process.poll() is None:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, so that it ends its children, and kill what is left."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def await_answer(address: str, process: subprocess.Popen[Any]) -> bool:
    """Whether an address answers at last."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_load(
    address: str, bodies: Path, connections: int, seconds: float, samples: int = 0
) -> subprocess.Popen[str]:
    """Begin to load an address, in a process of its own."""
    words = [address, str(bodies), str(connections), str(seconds), str(samples)]
    return subprocess.Popen(
        [sys.executable, str(HERE / "load.py"), *words], stdout=subprocess.PIPE, text=True
    )


def load(
    address: str, bodies: Path, connections: int, seconds: float, samples: int = 0
) -> Mapping[str, Any]:
    """Load an address; the figures."""
    return result(start_load(address, bodies, connections, seconds, samples))


def result(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    """The figures of a load that was begun."""
    out, _ = process.communicate(timeout=700)
    found: Mapping[str, Any] = json.loads(out)
    return found
