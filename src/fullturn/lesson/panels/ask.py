"""A question from the audience, its answer, and the answer's lineage."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from fullturn.core import proxies
from fullturn.core.entities import Input
from fullturn.core.errors import CouldNotEvaluate, NotFound, UsageError
from fullturn.lesson.panels.events import Emit, Options, outcome, say, table
from fullturn.lesson.panels.stage import Stage
from fullturn.verbs.lineage import PredictionLineage, of_prediction
from fullturn.verbs.workspace import Workspace

LONGEST = 300
"""Maximum length of a question, in characters."""
EXAMPLE = "How do we roll back a model?"
PATIENCE = 5.0
"""Timeout for the answer to appear in the log, in seconds."""


def perform(stage: Stage, options: Options, emit: Emit) -> None:
    """Send a request to the server like any client, then trace the returned id."""
    question = checked(options.get("question", "") or EXAMPLE)
    emit(say(f"POST /predict: {question}"))
    column = str(stage.project.subject.contract.text)
    body = predicted(stage.server.address(), {column: question})
    number, output = str(body["ids"][0]), body["outputs"][0]
    cited = [str(one) for one in output.get("citations", ())]
    emit(table("answer", ("answer",), [(str(output["answer"]),)]))
    emit(say(f"cited: {', '.join(cited) or 'nothing'}"))
    found = _logged(stage.project, number)
    emit(say(f"prediction {number} is in the log; tracing its lineage"))
    rows = _lineage(found)
    for end in range(1, len(rows) + 1):
        emit(table("lineage", ("", "lineage"), rows[:end]))
    word = "ANSWERED" if cited else "DECLINED"
    said = (
        f"{len(cited)} passage{'s' * (len(cited) != 1)} cited" if cited else "not in the handbook"
    )
    emit(outcome(word, f"{said}; the same on the command line: fullturn lineage {number[:12]}…"))


def checked(question: str) -> str:
    """One line of printable text.

    Raises:
        UsageError: it is too long.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in question).split())
    if len(text) > LONGEST:
        raise UsageError(f"the question has {len(text)} characters; at most {LONGEST} are allowed")
    return text


def predicted(address: str, row: Input) -> dict[str, list[Any]]:
    """The server's answer to one row.

    Raises:
        CouldNotEvaluate: it returned an error.
    """
    body = {"inputs": [row], "key": "the room"}
    with proxies.client(address, timeout=30) as client:
        answer = client.post(f"{address}/predict", json=body)
    if answer.status_code != 200:
        raise CouldNotEvaluate(f"the server returned {answer.status_code}: {answer.text[:200]}")
    return dict(answer.json())


def _logged(project: Workspace, number: str) -> PredictionLineage:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return of_prediction(project, number)
        except NotFound:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _lineage(found: PredictionLineage) -> list[tuple[str, str]]:
    one, of = found.prediction, found.lineage
    assert of is not None, "a version of the registry answered"
    when = datetime.fromtimestamp(one.time / 1000, UTC).strftime("%H:%M:%S UTC")
    moves = "; ".join(f"#{entry.number} {entry.action}" for entry in of.promotions[-2:])
    return [
        ("prediction", f"{one.id[:12]}… at {when}, in {1000 * one.latency:.1f} ms ({one.arm})"),
        ("version", f"{of.version} of {of.model} {' '.join('@' + name for name in of.aliases)}"),
        ("run", f"{of.run[:12]} '{of.run_name}', seed {of.seed}, by {of.owner}"),
        ("commit", of.commit[:12]),
        ("data", f"version {of.data}, digest {of.data_digest[:12]}"),
        ("gate", f"{of.gate[:12]} {of.gate_outcome}"),
        ("history", moves),
    ]
