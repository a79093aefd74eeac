"""The same bundle answers the same, here and in plain MLflow."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pandas as pd
import pytest

from fullturn.core.entities import Dataset, Example, Input, Output
from fullturn.data.contract import check
from fullturn.store import Pyfunc, save_pyfunc
from fullturn.subjects import bundle
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App, GeneratesText
from tests.conftest import free_port, wait_for
from tests.serving.live import Versions, live, together
from tests.subjects.assistant import samples
from tests.subjects.text import questions
from tests.waiting import PATIENCE


def sealed(folder: Path, name: str, app: App, data: Dataset) -> Path:
    """A bundle as training writes it."""
    run = samples.FolderRun(folder / bundle.FILES)
    app.train(data, app.defaults, run)
    bundle.write_record(folder, {"app": name})
    inputs = [c for c in app.contract.columns if c.role == "input"]
    save_pyfunc(folder, Pyfunc(bundle.FILES, "fullturn.subjects.bundle", inputs))
    bundle.seal(folder)
    return folder


def wines(root: Path, app: App) -> Dataset:
    with (root / "wine.csv").open(encoding="utf-8") as file:
        rows = check(list(csv.DictReader(file)), app.contract).rows
    names = app.contract.names("input")
    return questions.as_dataset(
        [
            Example(row["id"], {name: row[name] for name in names}, {"cultivar": row["cultivar"]},
                    row["id"], "test" if number % 2 else "train")
            for number, row in enumerate(rows)
        ]
    )  # fmt: skip


def answered(app: App, folder: Path, rows: Sequence[Input], state: Path) -> list[list[Any]]:
    """Our answers: a row a request from many clients, in one request, and through MLflow's form."""
    predictor = bundle.load(app, folder)
    text_of = app.text_of if isinstance(app, GeneratesText) else None
    with live(state, registry=Versions(v1=predictor), contract=app.contract, text_of=text_of) as s:
        alone = together(len(rows), lambda n: s.predict(rows[n]).json()["outputs"][0])
        whole = s.predict(*rows).json()["outputs"]
        split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
        form = s.client.post("/invocations", json={"dataframe_split": split})
        return [alone, whole, form.json()["predictions"]]


def through_pyfunc(folder: Path, rows: Sequence[Input]) -> list[Any]:
    outputs: list[Any] = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame(rows))
    return [samples.as_json(output) for output in outputs]


def test_a_classifier_answers_as_pyfunc_does(tmp_path: Path) -> None:
    data = questions.dataset()
    app = find("classifier")
    folder = sealed(tmp_path / "model", "classifier", app, data)
    rows = [example.input for example in data.split("test")][:24]
    expected = through_pyfunc(folder, rows)
    for found in answered(app, folder, rows, tmp_path / "state"):
        assert found == expected


def test_an_assistant_that_quotes_answers_as_pyfunc_does(tmp_path: Path) -> None:
    app = find("assistant")
    folder = sealed(tmp_path / "model", "assistant", app, samples.dataset())
    rows = [{"question": question} for _, _, question, _ in samples.QUESTIONS]
    expected = through_pyfunc(folder, rows)
    assert any(output["citations"] for output in expected)
    for found in answered(app, folder, rows, tmp_path / "state"):
        assert found == expected


@pytest.mark.slow
def test_wines_are_told_apart_as_mlflow_models_serve_does(wine: Path, tmp_path: Path) -> None:
    app = find("wine_app:WineApp", root=wine)
    folder = sealed(tmp_path / "model", "wine_app:WineApp", app, wines(wine, app))
    rows = [example.input for example in wines(wine, app).split("test")][:20]
    with mlflow_serving(folder, wine) as address:
        whole = invoked(address, rows)
        alone = [invoked(address, [row])[0] for row in rows]
    ours_alone, ours_whole, ours_form = answered(app, folder, rows, tmp_path / "state")
    assert ours_whole == ours_form == whole
    # In a batch, sums are added in another order: the last digit of a double may differ.
    for ours, theirs in zip(ours_alone, alone, strict=True):
        assert ours["label"] == theirs["label"]
        assert ours["confidence"] == pytest.approx(theirs["confidence"], rel=1e-12)


def invoked(address: str, rows: Sequence[Input]) -> list[Output]:
    body = {"dataframe_records": list(rows)}
    answer = httpx.post(f"{address}/invocations", json=body, timeout=PATIENCE)
    return list(answer.json()["predictions"])


@contextmanager
def mlflow_serving(folder: Path, module: Path) -> Iterator[str]:
    """`mlflow models serve` in a project, of a bundle whose app is a module of it."""
    port = free_port()
    words = ["-m", "mlflow", "models", "serve", "-m", str(folder), "-p", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server = subprocess.Popen(
        [sys.executable, *words, "-h", "127.0.0.1", "--env-manager", "local"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=module,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(module)},
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", lambda: server.poll() is None)
        yield f"http://127.0.0.1:{port}"
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
