"""Answers without a server: traced locally before they are given, in MLflow soon after."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.errors import DataError, NotFound
from fullturn.verbs.lineage import PredictionLineage, lineage
from fullturn.verbs.predict import predict
from fullturn.verbs.runs import runs
from fullturn.verbs.workspace import Workspace
from tests.waiting import wait_until

ROW = {"text": "my invoice and the refund are wrong nr 1 by chat"}
ROOT = Path(__file__).parents[2]

ANSWER_AND_DIE = f"""
import os, signal, sys
import fullturn
sys.executable = "/bin/false"  # nobody sends the trace in the background
print(fullturn.open(sys.argv[1]).predict([{ROW!r}])[0].trace, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def found(project: Workspace, trace: str) -> tuple[object, object, int]:
    known = lineage(project, trace)
    assert isinstance(known, PredictionLineage) and known.lineage is not None
    return known.prediction.input, known.prediction.output, known.lineage.version


def in_mlflow(project: Workspace) -> set[str]:
    return {str(trace["id"]) for trace in project.store.traces()}


def test_an_answer_is_found_at_once_and_survives_a_kill(promoted: Workspace) -> None:
    command = [sys.executable, "-c", ANSWER_AND_DIE, str(promoted.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL, done.stderr
    trace = done.stdout.strip()
    assert found(promoted, trace) == (ROW, {"label": "billing"}, 1)
    assert trace not in in_mlflow(promoted)
    runs(promoted)
    assert trace in in_mlflow(promoted)
    assert found(promoted, trace) == (ROW, {"label": "billing"}, 1)


def test_a_process_in_the_background_sends_the_trace(promoted: Workspace) -> None:
    row = [f"{name}={value}" for name, value in ROW.items()]
    command = [sys.executable, "-m", "fullturn", "-C", str(promoted.root), "predict", *row]
    subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    wait_until("the trace", lambda: len(in_mlflow(promoted)) == 1)


@pytest.mark.parametrize("rows", [ROW, "my invoice", ["my invoice"]])
def test_what_is_no_list_of_rows_is_named(promoted: Workspace, rows: Any) -> None:
    with pytest.raises(DataError, match=r"predict takes .*rows, each such as \{'text': '…'\}"):
        predict(promoted, rows)


def test_a_trace_that_nobody_wrote_is_not_found(promoted: Workspace) -> None:
    with pytest.raises(NotFound, match="tr-0{32}"):
        lineage(promoted, f"tr-{'0' * 32}")
