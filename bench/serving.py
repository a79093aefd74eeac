"""Requests a second and latency of one-row predictions, beside three other servers.

    python bench/serving.py [--quick] [--json] [--keep]

The model is the same file everywhere: the logistic regression of the wine example, 13 numbers.
Servers take turns, one process each that predicts; the load comes from a process of its own on
the same machine, over 1, 16 and 64 connections, one row a request. `no model` is our server
with a predictor that returns a constant: what is left is HTTP, checks, batching and the log.
Ours writes every answer to its prediction log before it leaves; the others keep none.
BentoML and LitServe are installed into environments of their own in a temporary folder; both
batch, up to 64 rows, as ours does. `same` counts equal outputs for the first wines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from math import isclose
from pathlib import Path
from statistics import median
from typing import Any

from fullturn.registry import versions
from fullturn.verbs.workspace import Workspace
from results import save, typed
from served import command, free_port, load, rows, serving, wine_project, write_bodies

CONNECTIONS = (1, 16, 64)
SAMPLES = 50
OURS, BARE, MLFLOW = "fullturn", "fullturn, no model", "mlflow models serve"

BENTO = """import bentoml
from skops.io import load

NAMES = {names!r}


@bentoml.service(workers=1)
class Wine:
    def __init__(self):
        self.model = load({model!r}, trusted=[])

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, inputs: list[dict]) -> list[dict]:
        shares = self.model.predict_proba([[row[name] for name in NAMES] for row in inputs])
        return [
            {{"label": str(self.model.classes_[one.argmax()]), "confidence": float(one.max())}}
            for one in shares
        ]
"""
LIT = """import sys

import litserve
from skops.io import load

NAMES = {names!r}


class Wine(litserve.LitAPI):
    def setup(self, device):
        self.model = load({model!r}, trusted=[])

    def decode_request(self, request):
        return request["inputs"][0]

    def batch(self, inputs):
        return inputs

    def predict(self, inputs):
        shares = self.model.predict_proba([[row[name] for name in NAMES] for row in inputs])
        return [
            {{"label": str(self.model.classes_[one.argmax()]), "confidence": float(one.max())}}
            for one in shares
        ]

    def unbatch(self, outputs):
        return outputs

    def encode_response(self, output):
        return {{"outputs": [output]}}


if __name__ == "__main__":
    api = Wine(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
"""


@dataclass(frozen=True)
class Server:
    """One of the servers: how to start it, and how to ask it."""

    title: str
    start: Callable[[], AbstractContextManager[str]]
    body: Callable[[dict[str, float]], Any]
    outputs: Callable[[Any], Any]


def as_inputs(row: dict[str, float]) -> Any:
    return {"inputs": [row]}


def ours(project: Workspace) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def start() -> Iterator[str]:
        with serving(project) as (address, _):
            yield f"{address}/predict"

    return start


def plain_mlflow(project: Workspace, bundle: Path) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def start() -> Iterator[str]:
        port, path = free_port(), f"{Path(sys.executable).parent}:/usr/bin:/bin"
        words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(bundle)]
        words += ["-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]
        ready = f"http://127.0.0.1:{port}/ping"
        with command(words, ready, project.root, PATH=path, PYTHONPATH=str(project.root)):
            yield f"http://127.0.0.1:{port}/invocations"

    return start


def peer(folder: Path, package: str, source: str, words: Sequence[str]
         ) -> Callable[[], AbstractContextManager[str]]:  # fmt: skip
    @contextmanager
    def start() -> Iterator[str]:
        python = installed(folder, package)
        (folder / "service.py").write_text(source, encoding="utf-8")
        port = free_port()
        called = [word.format(python=python, bin=python.parent, port=port) for word in words]
        quiet = {"BENTOML_DO_NOT_TRACK": "True", "PYTHONUNBUFFERED": "1"}
        with command(called, f"http://127.0.0.1:{port}/", folder, **quiet):
            yield f"http://127.0.0.1:{port}/predict"

    return start


def installed(folder: Path, package: str) -> Path:
    """A Python with a package and our version of scikit-learn, in an environment of its own."""
    python = folder / "env" / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).parent / "uv")
        needs = [package, f"scikit-learn=={version('scikit-learn')}", f"skops=={version('skops')}"]
        for words in (
            ["venv", "--quiet", "--python", sys.executable, str(folder / "env")],
            ["pip", "install", "--quiet", "--system-certs", "--python", str(python), *needs],
        ):
            done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"cannot be installed: {done.stderr.strip()[-300:]}")
    return python


def servers(folder: Path) -> list[Server]:
    wine = wine_project(folder / "wine", "wine_app:WineApp")
    bundle = wine.store.fetch_model(versions.version(wine.store, "1").source)
    bare = wine_project(folder / "bare", "constant_app:ConstantApp")
    filled = {"names": list(rows(wine)[0]), "model": str(bundle / "bundle" / "model.skops")}
    for name in ("bento", "lit"):
        (folder / name).mkdir()
    bento = ["{bin}/bentoml", "serve", "service:Wine", "--host", "127.0.0.1", "--port", "{port}"]
    return [
        Server(OURS, ours(wine), as_inputs, lambda a: a["outputs"]),
        Server(BARE, ours(bare), as_inputs, lambda a: a["outputs"]),
        Server(MLFLOW, plain_mlflow(wine, bundle), lambda row: {"dataframe_records": [row]},
               lambda a: a["predictions"]),
        Server("BentoML", peer(folder / "bento", "bentoml", BENTO.format(**filled), bento),
               as_inputs, lambda a: a),
        Server("LitServe", peer(folder / "lit", "litserve", LIT.format(**filled),
                                ["{python}", "service.py", "{port}"]),
               as_inputs, lambda a: a["outputs"]),
    ]  # fmt: skip


def measure(server: Server, bodies: Path, seconds: float) -> dict[str, Any]:
    """Figures by connections, and the outputs for the first wines."""
    found: dict[str, Any] = {}
    with server.start() as address:
        warm = load(address, bodies, 1, 1.0 if seconds < 5 else 3.0, SAMPLES)
        samples = warm["samples"]
        for connections in CONNECTIONS:
            found[str(connections)] = load(address, bodies, connections, seconds)
    found["outputs"] = [server.outputs(json.loads(sample))[0] for sample in samples]
    return found


def measure_all(seconds: float, rounds: int) -> dict[str, Any]:
    figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        found = servers(folder)
        wines = rows(Workspace.open(folder / "wine"))
        for _ in range(rounds):
            for server in found:
                if server.title in skipped:
                    continue
                bodies = write_bodies(folder / "bodies.jsonl", [server.body(w) for w in wines])
                try:
                    figures[server.title].append(measure(server, bodies, seconds))
                except (RuntimeError, OSError) as error:
                    skipped[server.title] = " ".join(str(error).split())[-200:]
    return {"rounds": figures, "skipped": skipped}


def figure(rounds: Sequence[dict[str, Any]], connections: int, name: str) -> float:
    return median(one[str(connections)][name] for one in rounds)


def same(one: Sequence[Any], other: Sequence[Any]) -> str:
    """How many of the outputs are equal, confidences to nine digits."""
    equal = sum(
        a["label"] == b["label"] and isclose(a["confidence"], b["confidence"], rel_tol=1e-9)
        for a, b in zip(one, other, strict=False)
    )
    return f"{equal}/{min(len(one), len(other))}"


def table(result: dict[str, Any]) -> Iterator[str]:
    rounds = result["rounds"]
    head = "".join(f"{f'{c} conn.':>9}{'p50':>6}{'p99 ms':>7}" for c in CONNECTIONS)
    yield f"{'requests/s at':20}{head}{'failed':>7}{'same':>6}"
    for title, found in rounds.items():
        cells = "".join(
            f"{figure(found, c, 'per_second'):9,.0f}{figure(found, c, 'p50_ms'):6.1f}"
            f"{figure(found, c, 'p99_ms'):7.1f}"
            for c in CONNECTIONS
        )
        failed = sum(sum(one[str(c)]["failed"].values()) for one in found for c in CONNECTIONS)
        equal = "" if title == BARE else same(found[0]["outputs"], rounds[MLFLOW][0]["outputs"])
        yield f"{title:20}{cells}{failed:7}{equal:>6}"
    for title, reason in result["skipped"].items():
        yield f"{title}: skipped, {reason}"
    top = {title: figure(found, 64, "per_second") for title, found in rounds.items()}
    for title, value in top.items():
        if title not in (OURS, BARE):
            yield f"at 64 connections: {top[OURS] / value:.1f} × {title}"
    yield f"at 64 connections: {top[OURS] / top[BARE]:.0%} of our server without a model"


def cited(result: dict[str, Any]) -> dict[str, float | str]:
    """What the lesson shows: requests a second over 64 connections, and ratios."""
    rounds = result["rounds"]
    top = {title: figure(found, 64, "per_second") for title, found in rounds.items()}
    names = {OURS: "ours", BARE: "bare", MLFLOW: "mlflow", "BentoML": "bento", "LitServe": "lit"}
    found: dict[str, float | str] = {
        f"per_second.{names[title]}": round(value) for title, value in top.items()
    }
    found["p99_ms"] = round(figure(rounds[OURS], 64, "p99_ms"), 1)
    if MLFLOW in top:
        found["ratio"] = round(top[OURS] / top[MLFLOW], 1)
        found["same"] = same(rounds[OURS][0]["outputs"], rounds[MLFLOW][0]["outputs"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two seconds each, once")
    parser.add_argument("--json", action="store_true", help="print all rounds as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    result = measure_all(*((2.0, 1) if arguments.quick else (5.0, 3)))
    if arguments.keep:
        save("serving", typed(), cited(result))
    print(json.dumps(result, indent=2) if arguments.json else "\n".join(table(result)))


if __name__ == "__main__":
    main()
