"""A model in a process of its own: asked, late, dead, and never left behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fullturn.core.errors import AppError
from fullturn.store.client import mlflow
from fullturn.store.pyfunc import described, inputs_of
from fullturn.subjects.mlflow_model.process import Limits, ModelProcess
from tests.registered import FAULTS, OWN
from tests.waiting import is_alive, wait_until

pytestmark = pytest.mark.slow
KINDS = {"age": "number", "income": "number", "city": "category"}
ROW = {"age": 50.0, "income": 3.0, "city": "Bern"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each fault, as MLflow saves a model of code."""
    folder = tmp_path_factory.mktemp("models")
    code = folder / "own.py"
    code.write_text(OWN)
    for fault in FAULTS:
        save(folder / fault, code, {"fault": fault})
    return folder


def save(folder: Path, code: Path, config: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder, python_model=str(code), model_config=config, pip_requirements=["mlflow"]
        )


@pytest.fixture
def started(models: Path) -> Iterator[list[ModelProcess]]:
    running: list[ModelProcess] = []
    yield running
    for one in running:
        one.close()


def model_process(name: str, folder: Path, kinds: dict[str, str], timeout: float) -> ModelProcess:
    return ModelProcess(name, folder, inputs_of(described(folder), kinds), Limits(timeout))


def start(running: list[ModelProcess], folder: Path, timeout: float = 60) -> ModelProcess:
    process = model_process(f"models:/own/{folder.name}", folder, KINDS, timeout)
    running.append(process)
    process.start()
    return process


def test_a_model_answers_from_its_process(models: Path, started: list[ModelProcess]) -> None:
    process = start(started, models / "none")
    [found] = process.answer([ROW])["values"]
    assert found["label"] == "yes" and found["probabilities"]["yes"] > 0.99
    assert process.pid not in (None, os.getpid())
    assert len(process.answer([ROW] * 3000)["values"]) == 3000  # more than a pipe takes at once


def test_what_a_model_prints_is_no_answer(models: Path, started: list[ModelProcess]) -> None:
    process = start(started, models / "chatters")
    assert [one["label"] for one in process.answer([ROW])["values"]] == ["yes"]
    assert [one["label"] for one in process.answer([ROW])["values"]] == ["yes"]


def test_an_error_of_the_model_is_told_and_the_process_goes_on(
    models: Path, started: list[ModelProcess]
) -> None:
    process = start(started, models / "raises")
    with pytest.raises(AppError, match=r"models:/own/raises: predict\(\) raised .*no such region"):
        process.answer([ROW])
    assert process.answer([{**ROW, "age": -1.0}])["values"]


def test_a_process_that_dies_is_told_with_its_last_words_and_started_again(
    models: Path, started: list[ModelProcess]
) -> None:
    process = start(started, models / "dies")
    first = process.pid
    for _ in range(2):
        with pytest.raises(
            AppError, match=r"ended with exit code 7 during predict\(\).*last words"
        ):
            process.answer([ROW])
    assert process.pid != first and first and not is_alive(first)


def test_a_killed_process_is_told_by_its_signal(models: Path, started: list[ModelProcess]) -> None:
    process = start(started, models / "killed")
    with pytest.raises(AppError, match="ended by signal 9"):
        process.answer([ROW])


def test_a_model_that_hangs_is_stopped(models: Path, started: list[ModelProcess]) -> None:
    process = start(started, models / "hangs", timeout=1)
    pid = process.pid
    with pytest.raises(AppError, match=r"did not end within 1 s.*\[model\] timeout"):
        process.answer([ROW])
    assert pid and not is_alive(pid)


def test_a_model_that_does_not_load_is_told(tmp_path: Path, started: list[ModelProcess]) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}")
    with pytest.raises(AppError, match="loading raised"):
        start(started, tmp_path)


def test_a_process_ends_with_whoever_asked(models: Path) -> None:
    process = model_process("models:/own/1", models / "none", KINDS, 60)
    process.start()
    pid = process.pid
    assert pid and is_alive(pid)
    del process
    gc.collect()
    assert not is_alive(pid)


@pytest.mark.parametrize("fault", ["none", "hangs"])
def test_a_process_does_not_outlive_a_killed_parent(models: Path, fault: str) -> None:
    code = f"""
        import sys, threading, time
        from pathlib import Path
        from tests.subjects.mlflow_model.test_process import model_process
        process = model_process("own", Path({str(models / fault)!r}), {KINDS!r}, 600)
        process.start()
        threading.Thread(target=process.answer, args=([{ROW!r}],), daemon=True).start()
        print(process.pid, flush=True)
        time.sleep(600)
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until("the end of its process", lambda: not is_alive(pid))


def test_the_process_learns_no_secret(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[ModelProcess]
) -> None:
    code = tmp_path / "spy.py"
    code.write_text(
        "import os, mlflow\n"
        "class Spy(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [os.environ.get(name, 'unset') for name in model_input['name']]\n"
        "mlflow.models.set_model(Spy())\n"
    )
    save(tmp_path / "spy", code, {})
    names = ["MLFLOW_TRACKING_TOKEN", "OPENAI_API_KEY", "DATABASE_PASSWORD", "HARMLESS"]
    for name in names:
        monkeypatch.setenv(name, "here")
    process = model_process("models:/spy/1", tmp_path / "spy", {"name": "category"}, 60)
    started.append(process)
    found = process.answer([{"name": name} for name in names])["values"]
    assert found == ["unset", "unset", "unset", "here"]


def test_a_model_that_eats_memory_is_stopped_and_started_again(
    tmp_path: Path, started: list[ModelProcess]
) -> None:
    code = tmp_path / "hungry.py"
    code.write_text(
        "import mlflow\n"
        "class Hungry(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [len(bytearray(int(one) << 20)) for one in model_input['mb']]\n"
        "mlflow.models.set_model(Hungry())\n"
    )
    save(tmp_path / "hungry", code, {})
    inputs = inputs_of(described(tmp_path / "hungry"), {"mb": "number"})
    process = ModelProcess("models:/hungry/1", tmp_path / "hungry", inputs, Limits(60, 2000))
    started.append(process)
    assert process.answer([{"mb": 10}])["values"] == [10 << 20]
    with pytest.raises(AppError, match=r"more memory than.* 2000 MB: raise \[model\] memory_mb"):
        process.answer([{"mb": 4000}])
    assert process.answer([{"mb": 10}])["values"] == [10 << 20]


def test_a_model_that_dies_again_and_again_is_left_alone_for_a_while(
    models: Path, started: list[ModelProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fullturn.subjects.mlflow_model.process.DEATHS", 2)
    process = start(started, models / "dies")
    for _ in range(2):
        with pytest.raises(AppError, match="ended with exit code 7"):
            process.answer([ROW])
    last = process.pid
    with pytest.raises(AppError, match="ended 2 times in a row; it is started again in 1 s"):
        process.answer([ROW])
    assert process.pid == last
