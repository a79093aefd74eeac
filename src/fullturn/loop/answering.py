"""Ask the champion, and leave a trace of each answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fullturn.entities import Input, Output
from fullturn.errors import AppError, DataError
from fullturn.loop.project import Project
from fullturn.loop.promoting import champion
from fullturn.store import PREFIX, Span


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of the champion. `latency` in seconds."""

    input: Input
    output: Output
    version: int
    latency: float
    trace: str


def answer(project: Project, rows: Sequence[Input]) -> list[Answered]:
    """The champion's answer to each row, each traced in MLflow.

    Raises:
        NotFound: there is no champion.
        DataError: a row lacks an input column, or has another.
    """
    wanted = set(project.app.contract.names("input"))
    for row in rows:
        if set(row) != wanted:
            raise DataError(f"a row has the columns {sorted(row)}, expected {sorted(wanted)}")
    version, predictor = champion(project)
    answered = []
    for row in rows:
        start = time.time_ns()
        outputs = predictor.predict([row])
        end = time.time_ns()
        if len(outputs) != 1:
            raise AppError(f"version {version.version} gave {len(outputs)} outputs for 1 row")
        spans = _spans(row, outputs[0], start, end)
        tags = {PREFIX + "version": str(version.version), "mlflow.sourceRun": version.run_id}
        trace = project.store.trace("answer", spans, tags)
        seconds = (end - start) / 1e9
        answered.append(Answered(row, outputs[0], version.version, seconds, trace))
    return answered


def _spans(row: Input, output: Output, start: int, end: int) -> list[Span]:
    """The whole answer, and under it what the output says of how it was found."""
    whole = Span("answer", "CHAIN", dict(row), _plain(output), start, end)
    if "citations" not in output:
        return [whole]
    found = {"passages": output["citations"]}
    return [whole, Span("retrieve", "RETRIEVER", dict(row), found, start, end)]


def _plain(output: Mapping[str, Any]) -> dict[str, Any]:
    return dict(output)
