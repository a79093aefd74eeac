"""Tracking clients, each as its makers use it: log steps, and count what is on disk afterwards.

    <python of the client's environment> bench/clients.py log|stored NAME FOLDER SERVER

`log` logs 1,000 steps of 5 metrics, says how long the calls took, and waits to be killed. `stored`
counts the whole steps that a reader finds later. Runs in an environment that holds the client and
nothing of ours, so nothing but the standard library is imported here at the top. Where a client has
a call for several metrics at once, it is used.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

STEPS = 1000
METRICS = {"train/loss": 0.6931, "train/acc": 0.51, "val/loss": 0.7012, "val/acc": 0.49, "lr": 3e-4}
ELAPSED = "elapsed seconds:"
PATIENCE = 180.0
Log = Callable[[int, dict[str, float]], object]


def step_metrics(step: int) -> dict[str, float]:
    return {name: value + step * 1e-6 for name, value in METRICS.items()}


def timed(log: Log) -> float:
    """Seconds that the calls took, all together."""
    steps = [step_metrics(step) for step in range(STEPS)]
    start = time.perf_counter()
    for step, metrics in enumerate(steps):
        log(step, metrics)
    return time.perf_counter() - start


def each(log: Callable[[str, float, int], object]) -> Log:
    """For clients that take one metric a call."""

    def all_of_them(step: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            log(name, value, step)

    return all_of_them


def whole(names: Iterable[str]) -> int:
    """Steps that were stored whole: the fewest points of any metric."""
    counted = Counter(names)
    return min(counted[name] for name in METRICS)


# What the children do: log, and return the seconds it took.


def log_mlflow(folder: Path, server: str) -> float:
    import mlflow

    start_run(folder, server)
    return timed(lambda step, metrics: mlflow.log_metrics(metrics, step=step))


def log_mlflow_async(folder: Path, server: str) -> float:
    import mlflow

    start_run(folder, server)
    return timed(lambda step, metrics: mlflow.log_metrics(metrics, step=step, synchronous=False))


def log_mlflow_sqlite(folder: Path, _: str) -> float:
    return log_mlflow(folder, f"sqlite:///{folder / 'mlflow.db'}")


def start_run(folder: Path, server: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(server)
    (folder / "run_id").write_text(mlflow.start_run().info.run_id, encoding="ascii")


def log_wandb(folder: Path, _: str) -> float:
    import wandb

    run = wandb.init(project="bench", mode="offline", dir=folder)
    return timed(lambda step, metrics: run.log(metrics, step=step))


def log_trackio(folder: Path, _: str) -> float:
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio

    trackio.init(project="bench")
    return timed(lambda step, metrics: trackio.log(metrics, step=step))


def log_neptune(folder: Path, _: str) -> float:
    import neptune

    os.chdir(folder)
    quiet = {f"capture_{what}": False for what in ("stdout", "stderr", "hardware_metrics")}
    run = neptune.init_run(mode="offline", git_ref=False, source_files=[], **quiet)
    return timed(each(lambda name, value, step: run[name].append(value, step=step)))


def log_neptune_scale(folder: Path, _: str) -> float:
    from neptune_scale import Run

    run = Run(
        project="bench/bench",
        run_id="bench",
        mode="offline",
        log_directory=folder,
        enable_console_log_capture=False,
        source_tracking_config=None,
    )
    return timed(lambda step, metrics: run.log_metrics(metrics, step=step))


def log_aim(folder: Path, _: str) -> float:
    import aim

    run = aim.Run(repo=str(folder), system_tracking_interval=None, capture_terminal_logs=False)
    return timed(each(lambda name, value, step: run.track(value, name=name, step=step)))


def log_swanlab(folder: Path, _: str) -> float:
    import swanlab

    swanlab.init(project="bench", mode="offline", log_dir=str(folder / "swanlog"))
    return timed(lambda step, metrics: swanlab.log(metrics, step=step))


def log_comet(folder: Path, _: str) -> float:
    import comet_ml

    quiet = {f"log_{what}": False for what in ("code", "git_metadata", "git_patch", "env_details")}
    experiment = comet_ml.OfflineExperiment(
        project_name="bench", offline_directory=str(folder), auto_output_logging=False, **quiet
    )
    return timed(lambda step, metrics: experiment.log_metrics(metrics, step=step))


def log_clearml(folder: Path, _: str) -> float:
    os.environ["CLEARML_CACHE_DIR"] = str(folder / "cache")
    from clearml import Task

    Task.set_offline(True)
    off = ("frameworks", "arg_parser", "streams")
    quiet = {f"auto_connect_{what}": False for what in off} | {"auto_resource_monitoring": False}
    logger = Task.init(project_name="bench", task_name="bench", **quiet).get_logger()
    return timed(each(lambda name, value, step: logger.report_scalar(name, name, value, step)))


# What is found after the kill: whole steps.


def stored_mlflow_sqlite(folder: Path, _: str) -> int:
    return whole(name for (name,) in rows(folder / "mlflow.db", "select key from metrics"))


def stored_wandb(folder: Path, _: str) -> int:
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return sum(Record.FromString(data).HasField("history") for data in wandb_records(path))


def wandb_records(path: Path) -> Iterator[bytes]:
    """Records of a .wandb file: LevelDB's log format in blocks of 32 KiB after 7 bytes."""
    data = path.read_bytes()
    position, parts = 7, b""
    while position + 7 <= len(data):
        left = 2**15 - position % 2**15
        _, length, kind = struct.unpack_from("<IHB", data, position)
        if left < 7 or kind == 0:
            position += left
            continue
        position += 7 + length
        parts += data[position - length : position]
        if kind in {1, 4} and position <= len(data):  # full, or last
            yield parts
            parts = b""


def stored_trackio(folder: Path, _: str) -> int:
    if not (folder / "bench.db").exists():
        return 0
    return int(rows(folder / "bench.db", "select count(*) from metrics")[0][0])


def stored_neptune(folder: Path, _: str) -> int:
    """Operations in the files of its queue: JSON documents, the last perhaps cut off."""
    operations = (
        document["obj"]
        for file in folder.glob(".neptune/offline/*/data-*.log")
        for document in documents(file.read_text(encoding="utf-8", errors="replace"))
    )
    return whole("/".join(one["path"]) for one in operations if one["type"] == "LogFloats")


def stored_neptune_scale(folder: Path, _: str) -> int:
    from neptune_api.proto.neptune_pb.ingest.v1.common_pb2 import UpdateRunSnapshot

    (file,) = folder.glob("*/run_operations.sqlite3")
    found = rows(file, "select operation from run_operations where operation_type = 0")
    return whole(name for (blob,) in found for name in UpdateRunSnapshot.FromString(blob).append)


def stored_aim(folder: Path, _: str) -> int:
    """After `aim storage reindex`; before it, a run that was killed shows nothing."""
    import aim

    command = [Path(sys.executable).with_name("aim"), "storage", "--repo", folder, "reindex", "-y"]
    subprocess.run(command, check=True, capture_output=True)
    return whole(
        metric.name
        for run in aim.Repo(str(folder)).iter_runs()
        for metric in run.metrics()
        for _ in metric.values.values_list()
    )


def stored_swanlab(folder: Path, _: str) -> int:
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    files = list(folder.glob("swanlog/run-*/*.swanlab"))
    if not any(file.stat().st_size for file in files):
        return 0
    reader = DataStoreReader()
    reader.open(files[0])
    records = [Record.FromString(data) for data in reader]
    return whole(one.scalar.key for one in records if one.HasField("scalar"))


def stored_comet(folder: Path, _: str) -> int:
    """Messages in its folder for temporary files; `comet upload` wants them in a zip file."""
    messages = (
        message
        for file in folder.glob("tmp/*/messages.json")
        for message in documents(file.read_text(encoding="utf-8", errors="replace"))
    )
    wanted = (one["payload"]["metric"] for one in messages if one["type"] == "metric_msg")
    return whole(metric["metricName"] for metric in wanted)


def stored_clearml(folder: Path, _: str) -> int:
    events = (
        event
        for file in folder.glob("cache/offline/*/metrics.jsonl")
        for batch in documents(file.read_text(encoding="utf-8", errors="replace"))
        for event in batch
    )
    return whole(event["metric"] for event in events)


def rows(file: Path, query: str) -> list[tuple[str | bytes | int, ...]]:
    database = sqlite3.connect(file)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def documents(text: str) -> Iterator[dict]:
    """JSON documents one after the other, until the end or one that was cut off."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            found, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            return
        yield found


def main() -> None:
    what, name, folder, server = sys.argv[1:]
    if what == "stored":
        print(globals()[f"stored_{name}"](Path(folder), server), flush=True)
        return
    print(ELAPSED, globals()[f"log_{name}"](Path(folder), server), flush=True)
    time.sleep(PATIENCE)


if __name__ == "__main__":
    main()
