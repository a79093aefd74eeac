"""What it costs that a model runs in a process of its own: latency beside the same model in ours.

    python bench/model_process.py [--quick] [--json]

One pipeline of scikit-learn (13 numbers, logistic regression with scaling) is registered twice: as
an archive of skops, which our server loads in its own process, and pickled, which runs in a model
process and gets its batches as Arrow. Both servers run at the same time and take turns under load,
one row a request over 1, 16 and 64 connections, so that whatever else the machine does hits both.
The CPU of a request, of server and model process together, is what other processes disturb least.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from fullturn.registry import versions
from fullturn.verbs.data import commit
from fullturn.verbs.parts import candidate
from fullturn.verbs.workspace import Workspace
from served import load, promote, serving, write_bodies

CONNECTIONS = (1, 16, 64)
IN_PROCESS, OWN_PROCESS = "in our process", "in a process of its own"
TOML = """\
name = "wine"
app = "mlflow_model"
tracking_uri = "{uri}"

[model]
uri = "models:/wines/{version}"
allow_pickle = true

[data]
files = ["wine.csv"]
label = "label"

[serving]
poll = 60.0
"""


def register(uri: str, folder: Path) -> list[dict[str, Any]]:
    """Register both, and write the table; returns its rows."""
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from fullturn.store.client import pointed_at

    mlflow = pointed_at(uri)
    wine = load_wine(as_frame=True)
    labels = wine.target.map({0: "one", 1: "two", 2: "three"})
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wine.data, labels)
    signature = mlflow.models.infer_signature(wine.data, labels)
    mlflow.create_experiment("theirs", artifact_location=(folder / "theirs").as_uri())
    mlflow.set_experiment("theirs")
    for form in ("skops", "cloudpickle"):
        mlflow.sklearn.log_model(
            model, name="model", registered_model_name="wines", serialization_format=form,
            signature=signature, pip_requirements=["scikit-learn"],
        )  # fmt: skip
    wine.data.assign(label=labels).to_csv(folder / "wine.csv", index=False)
    found: list[dict[str, Any]] = wine.data.to_dict("records")
    return found


def project(folder: Path, uri: str, version: int) -> Workspace:
    """A project that serves this version; its gate is left out."""
    folder.mkdir()
    (folder / "wine.csv").write_bytes((folder.parent / "wine.csv").read_bytes())
    text = TOML.format(uri=uri, version=version).replace('"wine"', f'"wine-{version}"', 1)
    (folder / "fullturn.toml").write_text(text, encoding="utf-8")
    opened = Workspace.open(folder)
    commit(opened, [], "wine")
    run = candidate.of_model(opened, f"models:/wines/{version}")
    found = versions.register_adopted(opened.store, run)
    promote(opened, found.version)
    return opened


def measure(seconds: float, rounds: int) -> dict[str, list[Mapping[str, Any]]]:
    """By server and connections, the figures of each round."""
    figures: dict[str, list[Mapping[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        rows = register(uri, folder)
        bodies = write_bodies(folder / "bodies.jsonl", [{"inputs": [row]} for row in rows])
        ours, own = (project(folder / f"v{number}", uri, number) for number in (1, 2))
        with serving(ours) as first, serving(own) as second:
            servers = {IN_PROCESS: first, OWN_PROCESS: second}
            for address, _ in servers.values():
                load(f"{address}/predict", bodies, 16, 1.0)
            for _ in range(rounds):
                for connections in CONNECTIONS:
                    for title, (address, process) in servers.items():
                        before = cpu_seconds(process.pid)
                        found = load(f"{address}/predict", bodies, connections, seconds)
                        spent = 1000 * (cpu_seconds(process.pid) - before) / found["answered"]
                        both = {**found, "cpu_ms": spent}
                        figures.setdefault(f"{title}, {connections}", []).append(both)
    return figures


def cpu_seconds(pid: int) -> float:
    """Of a process and its children so far."""
    server = psutil.Process(pid)
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def figure(figures: Mapping[str, list[Mapping[str, Any]]], title: str, count: int, what: str
           ) -> float:  # fmt: skip
    return median(float(one[what]) for one in figures[f"{title}, {count}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two seconds each, once")
    parser.add_argument("--json", action="store_true", help="print all rounds as JSON")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = measure(*((2.0, 1) if arguments.quick else (4.0, 5)))
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    columns = ("per_second", "p50_ms", "p99_ms", "cpu_ms")
    print(f"{'':26}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}")
    for count in CONNECTIONS:
        rows = {title: [figure(found, title, count, one) for one in columns]
                for title in (IN_PROCESS, OWN_PROCESS)}  # fmt: skip
        for title, (rate, p50, p99, cpu) in rows.items():
            print(f"{title:26}{count:12}{rate:12,.0f}{p50:9.1f}{p99:9.1f}{cpu:9.2f}")
        ratios = [own / ours for ours, own in zip(*rows.values(), strict=True)]
        print(f"{'ratio':26}{count:12}{ratios[0]:12.2f}{ratios[1]:9.2f}{'':9}{ratios[3]:9.2f}")


if __name__ == "__main__":
    main()
