"""Ask the champion, and leave a trace of each answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fullturn.core.entities import Input, Output
from fullturn.core.errors import AppError
from fullturn.core.tags import TraceTags
from fullturn.core.values import checked
from fullturn.tracking.traces import traced
from fullturn.verbs.promote import champion
from fullturn.verbs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of the champion. `latency` in seconds."""

    input: Input
    output: Output
    version: int
    latency: float
    trace: str


def answer(project: Workspace, rows: Sequence[Input]) -> list[Answered]:
    """The champion's answer to each row, each traced in MLflow.

    Raises:
        NotFound: there is no champion.
        DataError: a row breaks the contract.
    """
    rows = [checked(row, project.app.contract) for row in rows]
    version, predictor = champion(project)
    tags = TraceTags(version=version.version).write()
    answered = []
    for row in rows:
        start = time.perf_counter()
        outputs = predictor.predict([row])
        latency = time.perf_counter() - start
        if len(outputs) != 1:
            raise AppError(f"version {version.version} gave {len(outputs)} outputs for 1 row")
        trace = traced(row, outputs[0], latency, tags, version.run_id)
        project.store.trace(trace)
        answered.append(Answered(row, outputs[0], version.version, latency, f"tr-{trace.id}"))
    return answered
