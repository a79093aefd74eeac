"""Overhead and durability of trackers in a training loop, each client in its own environment.

    python bench/trackers.py [--json] [--keep]
    python bench/trackers.py --markdown      # writes the stored result into docs/lesson/tools.md

Every client logs 1,000 steps of 5 metrics in a process of its own, says how long the calls took,
and is then killed by SIGKILL; a second later a reader counts the steps that are on disk or on the
server. Clients take turns, five times. Figures are the fastest of the five, since whatever else the
machine does only adds to them, with the median beside; "survived" is the worst.
Nothing is sent anywhere: clients of services run in their offline mode, and `mlflow server` listens
on 127.0.0.1.

The environments are made once, in the user's cache, from `bench/trackers/*.txt`, which name every
package with its hashes. To renew such a file:

    echo wandb==0.31.0 | uv pip compile - --generate-hashes --universal --python-version 3.11 \
        --no-header --no-annotate --output-file bench/trackers/wandb.txt
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

import clients
import journal
from results import read, save, write_between

LOCKS = Path(__file__).with_name("trackers")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fullturn" / "trackers"
PAGE = Path(__file__).parents[1] / "docs" / "lesson" / "tools.md"
BEGIN, END = "<!-- trackers:begin -->", "<!-- trackers:end -->"
FAULTS = (journal.NotMeasured, httpx.HTTPError, subprocess.SubprocessError)
NAME, REPEATS, OURS = "trackers", 5, "journal"


@dataclass(frozen=True)
class Kind:
    """One way of logging."""

    title: str
    lock: str | None = None
    """File of its environment, without `.txt`; None: ours."""
    over_http: bool = False


KINDS = {
    "journal": Kind("fullturn, local journal"),
    "draining": Kind("fullturn, journal while it ships to MLflow"),
    "trackio": Kind("trackio, local", "trackio"),
    "swanlab": Kind("SwanLab, offline", "swanlab"),
    "wandb": Kind("W&B, offline", "wandb"),
    "comet": Kind("Comet, offline", "comet"),
    "neptune": Kind("Neptune 1.x, offline", "neptune"),
    "neptune_scale": Kind("Neptune Scale, offline", "neptune-scale"),
    "aim": Kind("Aim, local", "aim"),
    "clearml": Kind("ClearML, offline", "clearml"),
    "mlflow_async": Kind("MLflow, HTTP, asynchronous", "mlflow", over_http=True),
    "mlflow": Kind("MLflow, HTTP", "mlflow", over_http=True),
    "mlflow_sqlite": Kind("MLflow, SQLite", "mlflow"),
}
NOT_HERE = {
    "W&B, Comet, SwanLab, ClearML online": "requires an account and a network",
    "Neptune online": "the service ended on 5 March 2026",
    "self-hosted ClearML, SwanLab and W&B servers": "require containers, which do not run here",
}


@dataclass
class Measured:
    """Of one kind, over all repeats."""

    us: list[float] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    reason: str | None = None


def environment(lock: str) -> Path:
    """The Python of a client's environment, made from its lock if it is not there, or is stale.

    Raises:
        NotMeasured: it cannot be installed here.
    """
    file, folder = LOCKS / f"{lock}.txt", CACHE / lock
    digest, stamp = hashlib.sha256(file.read_bytes()).hexdigest(), CACHE / f"{lock}.sha256"
    python = folder / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return python
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        raise journal.NotMeasured("uv is not installed")
    quiet = ["--quiet", "--no-config"]
    install = ["--system-certs", "--require-hashes", "--no-deps", "--python", python, "-r", file]
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [uv, "venv", *quiet, "--python", sys.executable, folder],
        [uv, "pip", "install", *quiet, *install],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise journal.NotMeasured(f"cannot be installed: {done.stderr.strip()[-200:]}")
    stamp.write_text(digest, encoding="ascii")
    return python


def quiet(folder: Path) -> dict[str, str]:
    """The environment of a client: nothing of this user's settings, nothing of this project."""
    (folder / "tmp").mkdir(exist_ok=True)
    own = {"HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PATH": os.environ["PATH"]}
    return own | journal.QUIET


def measure(name: str, server: str, found: Measured) -> None:
    """One repeat: log, kill, wait, count."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        try:
            seconds, stored = ours(name, folder, server) or theirs(name, folder, server)
        except (*FAULTS, OSError, ValueError) as error:
            found.reason = str(error)
            return
    found.us.append(seconds / clients.STEPS * 1e6)
    found.stored.append(stored)


def ours(name: str, folder: Path, server: str) -> tuple[float, int] | None:
    if KINDS[name].lock is not None:
        return None
    seconds = journal.log_and_die(journal.own_child(name, folder, server), folder)
    return seconds, journal.TOOLS[name].stored(folder, server)


def theirs(name: str, folder: Path, server: str) -> tuple[float, int]:
    kind = KINDS[name]
    python, settings = str(environment(str(kind.lock))), quiet(folder)
    words = [name, str(folder), server]
    with helpers_ended(folder):
        seconds = journal.log_and_die([python, clients.__file__, "log", *words], folder, settings)
        time.sleep(1)
    if kind.over_http:
        return seconds, journal.stored_mlflow(folder, server)
    reader = [python, clients.__file__, "stored", *words]
    done = subprocess.run(
        reader, capture_output=True, text=True, env=settings, check=False, timeout=clients.PATIENCE
    )
    if done.returncode:
        raise journal.NotMeasured(f"cannot be read: {done.stderr.strip().splitlines()[-1]}")
    return seconds, int(done.stdout.split()[-1])


class helpers_ended:  # noqa: N801
    """On leaving, ends the processes that a client left behind: those whose HOME is its folder."""

    def __init__(self, folder: Path) -> None:
        self.mark = f"HOME={folder}".encode()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue


def measure_all() -> dict[str, Measured]:
    found = {name: Measured() for name in KINDS}
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        server = stack.enter_context(
            journal.mlflow_server(Path(folder), str(environment("mlflow")))
        )
        for _ in range(REPEATS):
            for name, one in found.items():
                if one.reason is None:
                    measure(name, server, one)
    return found


def figures(found: Mapping[str, Measured]) -> dict[str, int | float | str]:
    """As they are saved: `wandb.us`, `wandb.ratio`, `wandb.survived`, …"""
    ours = min(found[OURS].us)
    flat: dict[str, int | float | str] = {"load": round(os.getloadavg()[1], 1)}
    for name, one in found.items():
        flat |= {f"{name}.{key}": value for key, value in weight(KINDS[name].lock).items()}
        if one.reason is not None:
            flat[f"{name}.reason"] = one.reason
            continue
        us = min(one.us)
        flat |= {f"{name}.us": round(us, 1), f"{name}.median_us": round(median(one.us), 1)}
        flat |= {f"{name}.ratio": round(us / ours, 1), f"{name}.survived": min(one.stored)}
    return flat


def weight(lock: str | None) -> dict[str, int | str]:
    """Version of the client, and the packages and megabytes that its environment has."""
    if lock is None or not (folder := CACHE / lock).exists():
        return {}
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")
    version = re.search(rf"^{lock}(?:-ml)?==([^ ;]+)", text, re.M)
    size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    packages = len(list(folder.glob("lib/python*/site-packages/*.dist-info")))
    return {
        "version": version[1] if version else "",
        "packages": packages,
        "megabytes": round(size / 1e6),
    }


HEAD = (
    "client", "version", "µs per step", "median", "× ours", "steps that survive", "packages", "MB",
)  # fmt: skip


def table(stored: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The rows under `HEAD`, or two cells for a client that was not measured."""
    for name, kind in KINDS.items():
        if reason := stored.get(f"{name}.reason"):
            yield kind.title, f"not measured: {reason}"
        elif f"{name}.us" in stored:
            one = {
                key.partition(".")[2]: v for key, v in stored.items() if key.startswith(f"{name}.")
            }
            weights = (f"{one[key]}" if key in one else "–" for key in ("packages", "megabytes"))
            us = (f"{one[key]:,.1f}" for key in ("us", "median_us", "ratio"))
            yield kind.title, one.get("version", "–"), *us, f"{one['survived']:,}", *weights
    for title, reason in NOT_HERE.items():
        yield title, f"not measured: {reason}"


def plain(stored: Mapping[str, Any]) -> Iterator[str]:
    shape = "{:46} {:>12} {:>10} {:>10} {:>8} {:>18} {:>9} {:>5}"
    yield shape.format(*HEAD)
    for row in table(stored):
        yield shape.format(*row) if len(row) == len(HEAD) else f"{row[0]:46} {row[1]}"


def markdown(result: Mapping[str, Any]) -> str:
    """The block of the page, from a saved result."""
    stored = result["figures"]
    lines = [
        f"Measured on {result['date']} with `{result['command']}` on {result['machine']}; "
        f"load average at the end: {stored['load']}.",
        "",
        f"| {' | '.join(HEAD)} |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    empty = len(HEAD) - 2
    for row in table(stored):
        lines.append(f"| {' | '.join(row)} |{' |' * (empty if len(row) == 2 else 0)}")
    return "\n".join([BEGIN, *lines, END])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print all repeats as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    parser.add_argument(
        "--markdown", action="store_true", help="write the saved figures to the page"
    )
    arguments = parser.parse_args()
    if arguments.markdown:
        write_between(PAGE, BEGIN, END, markdown(read(NAME)))
        return
    os.environ.update(journal.QUIET)
    found = measure_all()
    flat = figures(found)
    if arguments.keep:
        save(NAME, "python bench/trackers.py --keep", flat)
    detail = {name: vars(one) for name, one in found.items()}
    print(json.dumps(detail, indent=2) if arguments.json else "\n".join(plain(flat)))


if __name__ == "__main__":
    main()
