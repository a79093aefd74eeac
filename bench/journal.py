"""What logging one step of 5 metrics costs its caller, and what is left after SIGKILL.

    uv pip install --require-hashes --no-deps -r requirements/bench.txt
    python bench/journal.py [--json] [--keep]

Every tool logs 1,000 steps in a process of its own, says how long the calls took, and is then
killed by SIGKILL; a reader counts the steps, a second later where helper processes or a server
may still be busy with them. Tools take turns, three times; figures are medians, "stored" is the
worst. The tracking server is a real `mlflow server` on 127.0.0.1 over SQLite. The last figure is
the rate at which the journal's drain fills that server.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from clients import (
    ELAPSED,
    METRICS,
    PATIENCE,
    STEPS,
    log_mlflow,
    log_mlflow_async,
    log_trackio,
    log_wandb,
    step_metrics,
    stored_trackio,
    stored_wandb,
    timed,
)
from fullturn.core.journal import Drain, Journal, read
from fullturn.core.steps import decode_step, encode_step
from fullturn.store.journaling import environment
from results import save, typed

REPEATS = 3
BACKLOG = 2000
"""Steps that a drain has to deliver: 10,000 metrics."""


# What the children do: log, and return the seconds it took.


def log_journal(folder: Path, _: str) -> float:
    return timed(appender(Journal(folder / "steps.journal")))


def log_journal_draining(folder: Path, server: str) -> float:
    journal = with_backlog(folder)
    Drain(journal.path, mlflow_sink(folder, server), batch=200).start()
    while not journal.path.with_name("steps.journal.offset").exists():
        time.sleep(0.01)
    return timed(appender(journal))


def log_plain(folder: Path, server: str) -> float:
    """Plain `mlflow.log_metrics`, as in a process that `[train] command` starts."""
    api = f"{server}/api/2.0/mlflow/runs/create"
    answer = httpx.post(api, json={"experiment_id": "0"}, timeout=60, trust_env=False)
    run = str(answer.raise_for_status().json()["run"]["info"]["run_id"])
    plugin = folder / "plugin"
    os.environ.update(environment(server, "0", run, {}, folder / "steps.journal", plugin))
    sys.path.insert(0, str(plugin))
    import mlflow

    mlflow.start_run()
    return timed(lambda step, metrics: mlflow.log_metrics(metrics, step=step))


def log_drain(folder: Path, server: str) -> float:
    """Seconds that it takes to deliver the backlog: the median of all repeats."""
    return median(drained(folder / str(repeat), server) for repeat in range(REPEATS))


def drained(folder: Path, server: str) -> float:
    drain = Drain(with_backlog(folder).path, mlflow_sink(folder, server), batch=200)
    start = time.perf_counter()
    drain.replay()
    return time.perf_counter() - start


def appender(journal: Journal) -> Callable[[int, dict[str, float]], None]:
    def log(step: int, metrics: dict[str, float]) -> None:
        journal.append(encode_step(step, time.time_ns() // 1_000_000, metrics))

    return log


def with_backlog(folder: Path) -> Journal:
    journal = Journal(folder / "steps.journal")
    journal.append_many(
        encode_step(step, 1_700_000_000_000 + step, step_metrics(step)) for step in range(BACKLOG)
    )
    return journal


def mlflow_sink(folder: Path, server: str) -> Callable[[Sequence[bytes]], None]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(server)
    run_id = client.create_run("0").info.run_id
    (folder / "run_id").write_text(run_id, encoding="ascii")

    def sink(payloads: Sequence[bytes]) -> None:
        steps = map(decode_step, payloads)
        metrics = [
            Metric(n, v, when, step) for step, when, values in steps for n, v in values.items()
        ]
        client.log_batch(run_id, metrics)

    return sink


# What the parent finds after the kill: whole steps.


def stored_journal(folder: Path, _: str) -> int:
    return sum(1 for _ in read(folder / "steps.journal"))


def stored_journal_draining(folder: Path, server: str) -> int:
    return stored_journal(folder, server) - BACKLOG


def stored_mlflow(folder: Path, server: str) -> int:
    run_id = (folder / "run_id").read_text(encoding="ascii")
    return min(metric_count(server, run_id, name) for name in METRICS)


def metric_count(server: str, run_id: str, name: str) -> int:
    count, query = 0, {"run_id": run_id, "metric_key": name, "max_results": "25000"}
    while True:
        answer = httpx.get(
            f"{server}/api/2.0/mlflow/metrics/get-history",
            params=query,
            timeout=60,
            trust_env=False,
        )
        page = answer.raise_for_status().json()
        count += len(page.get("metrics", []))
        if not page.get("next_page_token"):
            return count
        query["page_token"] = page["next_page_token"]


# The measurement.


@dataclass(frozen=True)
class Tool:
    title: str
    log: Callable[[Path, str], float]
    stored: Callable[[Path, str], int]
    lingers: bool = False


@dataclass
class Figures:
    title: str
    us_per_step: list[float] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    reason: str | None = None


JOURNAL, DRAINING, PLAIN, DRAIN = "journal", "draining", "plain", "drain"
TOOLS = {
    JOURNAL: Tool("fullturn journal", log_journal, stored_journal),
    DRAINING: Tool(
        "fullturn journal, its drain at work", log_journal_draining, stored_journal_draining
    ),
    PLAIN: Tool("plain mlflow.log_metrics, journaled", log_plain, stored_journal),
    "trackio": Tool("trackio", log_trackio, stored_trackio),
    "wandb": Tool("wandb offline", log_wandb, stored_wandb, lingers=True),
    "async": Tool("MLflow async (HTTP)", log_mlflow_async, stored_mlflow, lingers=True),
    "mlflow": Tool("MLflow (HTTP)", log_mlflow, stored_mlflow),
}


class NotMeasured(Exception):
    """A tool failed; the text is why."""


def own_child(name: str, folder: Path, server: str) -> list[str]:
    return [sys.executable, __file__, "--child", name, str(folder), server]


def log_and_die(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> float:
    """Run one child until it reports, then kill it; the seconds that it reported."""
    errors = folder / "stderr"
    with errors.open("wb") as stderr:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        )
    try:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(ELAPSED):
                return float(line.removeprefix(ELAPSED))
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise NotMeasured(lines[-1] if lines else f"exit code {child.returncode}, no message")


def measure(name: str, server: str, figures: Figures) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        try:
            seconds = log_and_die(own_child(name, Path(folder), server), Path(folder))
            time.sleep(float(TOOLS[name].lingers))
            stored = TOOLS[name].stored(Path(folder), server)
        except (NotMeasured, httpx.HTTPError, sqlite3.Error, OSError, ValueError) as error:
            figures.reason = str(error)
            return
    figures.us_per_step.append(seconds / STEPS * 1e6)
    figures.stored.append(stored)


def measure_drain(server: str) -> dict[str, Any]:
    """Metrics per second from the journal into the server."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            seconds = log_and_die(own_child(DRAIN, Path(folder), server), Path(folder))
            arrived = [stored_mlflow(run, server) for run in Path(folder).iterdir() if run.is_dir()]
        except (NotMeasured, httpx.HTTPError, OSError) as error:
            return {"reason": str(error)}
    if arrived != [BACKLOG] * REPEATS:
        return {"reason": f"{arrived} of {BACKLOG} steps arrived"}
    return {"metrics_per_second": BACKLOG * len(METRICS) / seconds}


@contextmanager
def mlflow_server(folder: Path, python: str = sys.executable) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"]
    command += ["--default-artifact-root", str(folder / "artifacts")]
    server = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(server, process, folder / "server.log")
        yield server
    finally:
        process.terminate()
        process.wait()


def wait_for(server: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"mlflow server did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def measure_all() -> dict[str, Any]:
    rows = {name: Figures(tool.title) for name, tool in TOOLS.items()}
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder,
        mlflow_server(Path(folder)) as server,
    ):
        for _ in range(REPEATS):
            for name, figures in rows.items():
                if figures.reason is None:
                    measure(name, server, figures)
        drain = measure_drain(server)
    return {
        "steps": STEPS,
        "metrics_per_step": len(METRICS),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: installed(name) for name in ("mlflow", "wandb", "trackio")},
        "rows": [vars(figures) for figures in rows.values()],
        "drain": drain,
    }


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def table(result: dict[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    yield f"{result['cores']} cores, Python {result['python']}, {versions}"
    head = f"{'one step of 5 metrics':38}{'µs':>9}  {'(range)':17}{'× ours':>8}"
    yield f"{head}{'stored of 1,000':>15}"
    ours = result["rows"][0]["us_per_step"]
    for row in result["rows"]:
        if row["reason"] is not None:
            yield f"{row['title']:38} not measured: {row['reason']}"
            continue
        times = row["us_per_step"]
        spread = f"({min(times):,.1f}–{max(times):,.1f})"
        ratio = f"{median(times) / median(ours):,.1f}" if ours else "–"
        least = min(row["stored"])
        yield f"{row['title']:38}{median(times):9,.1f}  {spread:17}{ratio:>8}{least:15,}"
    reason, rate = result["drain"].get("reason"), result["drain"].get("metrics_per_second", 0)
    figure = f"not measured: {reason}" if reason else f"{rate:,.0f} metrics/s"
    yield f"drain into MLflow over HTTP, log_batch(1000): {figure}"


def cited(result: dict[str, Any]) -> dict[str, Any]:
    """What the lesson shows; a tool that was not measured is left out."""
    rows = {
        name: row for name, row in zip(TOOLS, result["rows"], strict=True) if row["us_per_step"]
    }
    found: dict[str, Any] = {"steps": result["steps"], "metrics": result["metrics_per_step"]}
    for name, row in rows.items():
        found[f"us.{name}"] = round(median(row["us_per_step"]), 2)
        found[f"survived.{name}"] = min(row["stored"])
    if {"journal", "mlflow"} <= rows.keys():
        found["ratio"] = round(found["us.mlflow"] / found["us.journal"])
    return found


def child(name: str, folder: str, server: str) -> None:
    log = log_drain if name == DRAIN else TOOLS[name].log
    print(ELAPSED, log(Path(folder), server), flush=True)
    time.sleep(PATIENCE)


QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "127.0.0.1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print all repeats as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.update(QUIET)
    if arguments.child:
        child(*arguments.child)
        return
    result = measure_all()
    if arguments.keep:
        save("journal", typed(), cited(result))
    print(json.dumps(result, indent=2) if arguments.json else "\n".join(table(result)))


if __name__ == "__main__":
    main()
