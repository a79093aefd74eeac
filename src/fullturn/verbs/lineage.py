"""Trace a version or an answer to its run, commit, data and gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from fullturn.core.entities import Arm, Feedback, HistoryEntry, ModelVersion, Output, Prediction
from fullturn.core.errors import NotFound
from fullturn.core.records import Traced
from fullturn.core.showing import Block, Result, by_field, facts, then, view
from fullturn.core.tags import TraceTags
from fullturn.registry import lineage as registry
from fullturn.registry.lineage import Lineage
from fullturn.registry.references import version_of
from fullturn.verbs import references
from fullturn.verbs.sealing import sealed_history
from fullturn.verbs.workspace import Workspace

TRACE = "tr-"
"""Begins the id of a trace."""


@dataclass(frozen=True, slots=True)
class PredictionLineage(Result):
    """A logged prediction, its feedback, and the lineage of its version."""

    prediction: Prediction
    feedback: tuple[Feedback, ...]
    """Oldest first; the last one counts."""
    passages: tuple[str, ...]
    """Ids of the cited passages."""
    lineage: Lineage


def lineage(project: Workspace, reference: str | int) -> Lineage | PredictionLineage:
    """Trace a version or an answer to its run, commit, data and gate.

    The id of a prediction or of a trace, returned with each answer, also shows the request, the
    answer, its citations and its feedback.

    Raises:
        NotFound: there is no such version, run or prediction.
    """
    found = references.resolve(project, reference, ("version", "run", "prediction"))
    if found.kind == "prediction":
        return of_prediction(project, found.id)
    return _of(project, version_of(project.store, found))


def of_version(project: Workspace, reference: str | int) -> Lineage:
    """Trace a version.

    Raises:
        NotFound: there is no such version.
    """
    return _of(project, references.version(project, reference))


def _of(project: Workspace, version: ModelVersion) -> Lineage:
    return registry.lineage(project.store, version, sealed_history(project))


def of_prediction(project: Workspace, number: str) -> PredictionLineage:
    """Trace a prediction, offline.

    `tr-` before the number means the trace of an answer, which is in MLflow unless it still waits.

    Raises:
        NotFound: there is no such prediction or trace, or the registry has no such version.
    """
    from fullturn.serving import log

    found = _prediction(project, number)
    return PredictionLineage(
        prediction=found,
        feedback=tuple(log.feedback_on(project.state, found.id)),
        passages=tuple(map(str, (found.output or {}).get("citations", ()))),
        lineage=of_version(project, found.version),
    )


def _prediction(project: Workspace, number: str) -> Prediction:
    """From the prediction log; of a trace that the log does not have, from where it waits, or
    from MLflow.

    Raises:
        NotFound: there is no such prediction or trace.
    """
    from fullturn.serving import log
    from fullturn.tracking.runs import JOURNALS
    from fullturn.tracking.traces import waiting

    name = number.removeprefix(TRACE)
    if name == number:
        return log.find(project.state, number)
    for trace in waiting(project.state / JOURNALS):
        if trace.id == name:
            return answered(trace)
    try:
        return log.find(project.state, name)
    except NotFound:
        return answered(project.store.answer(name))


def answered(trace: Traced) -> Prediction:
    """A traced answer as the prediction log would have it."""
    whole, tags = trace.spans[0], TraceTags.read(trace.tags)
    return Prediction(
        id=f"{TRACE}{trace.id}",
        sequence=0,
        time=whole.start // 1_000_000,
        arm=cast(Arm, tags.arm or "champion"),
        version=tags.version or 0,
        key=tags.key_ or f"{TRACE}{trace.id}",
        input=whole.inputs,
        output=whole.outputs,
        latency=(whole.end - whole.start) / 1e9,
    )


@view.register
def _(result: Lineage) -> Iterator[Block]:
    yield facts(_steps(result))
    yield then(f"fullturn reproduce {result.version}")


@view.register
def _(result: PredictionLineage) -> Iterator[Block]:
    yield facts({**_answer(result), **_steps(result.lineage)})
    yield then(f"fullturn reproduce {result.lineage.version}")


def _steps(found: Lineage) -> Mapping[str, object]:
    return by_field(found) | {
        "aliases": ", ".join(found.aliases),
        "prompts": ", ".join(found.prompts),
        "promotions": "; ".join(map(_move, found.promotions)),
    }


def _move(entry: HistoryEntry) -> str:
    broken = {"altered": " (ALTERED)", "missing": " (signature MISSING)"}.get(entry.seal, "")
    return f"#{entry.number} {entry.action}{broken}: {entry.reason}"


def _answer(found: PredictionLineage) -> Mapping[str, object]:
    one = found.prediction
    when = datetime.fromtimestamp(one.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    copied = {"copy of": one.copy_of} if one.copy_of else {}
    return {
        "prediction": one.id,
        "answered": f"{when} in {1000 * one.latency:.1f} ms, by version {one.version} ({one.arm})",
        "key": one.key if one.key != one.id else "none",
        "input": json.dumps(one.input, ensure_ascii=False),
        "output": one.error or json.dumps(_short(one.output or {}), ensure_ascii=False),
        "cited": ", ".join(found.passages),
        "feedback": "; ".join(map(_feedback, found.feedback)),
        **copied,
    }


def _short(output: Output) -> Output:
    """The output without its passages: citations have a line of their own."""
    return {name: value for name, value in output.items() if name not in ("passages", "retrieved")}


def _feedback(one: Feedback) -> str:
    known = [] if one.expected is None else [json.dumps(one.expected, ensure_ascii=False)]
    known += [] if one.score is None else [f"score {one.score:g}"]
    return " ".join((*known, f"from {one.source or 'unknown'}"))
