"""Trace a version or an answer to its run, commit, data and gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from fullturn.core.entities import Arm, Feedback, HistoryEntry, ModelVersion, Output, Prediction
from fullturn.core.errors import NotFound
from fullturn.core.records import Traced
from fullturn.core.showing import Block, Result, by_field, facts, then, view
from fullturn.core.tags import BatchTags, TraceTags
from fullturn.registry import lineage as registry
from fullturn.registry.lineage import Lineage
from fullturn.registry.references import version_of
from fullturn.verbs.parts import references
from fullturn.verbs.parts.sealing import sealed_history
from fullturn.verbs.workspace import Workspace

Role = Literal["input", "output"]
TRACE = "tr-"
"""Begins the id of a trace."""
ID = "id:"
"""Before what is nothing but the id of a prediction."""


@dataclass(frozen=True, slots=True)
class PredictionLineage(Result):
    """A logged prediction, its feedback, and the lineage of its version."""

    prediction: Prediction
    feedback: tuple[Feedback, ...]
    """Oldest first; the last one counts."""
    passages: tuple[str, ...]
    """Ids of the cited passages."""
    lineage: Lineage | None
    """None if it was made elsewhere when there was no champion."""


@dataclass(frozen=True, slots=True)
class BatchLineage(Result):
    """Where a predicted file comes from: its run, its other file, and the version."""

    file: str
    role: Role
    run: str
    predicted: str
    """When."""
    input: str
    input_digest: str
    output: str
    output_digest: str
    rows: int
    failed: int
    lineage: Lineage


def lineage(project: Workspace, reference: str | int) -> Lineage | PredictionLineage | BatchLineage:
    """Trace a version, an answer or a predicted file to its run, commit, data and gate.

    The id of a prediction or of a trace, returned with each answer, or the id that another system
    logged it with, also shows the request, the answer, its citations and its feedback. `id:` before
    it says that it is one, where it would also mean a version, a run or a file. A file that
    `predict` read or wrote is found by its content, whatever its name is now.

    Raises:
        NotFound: there is no such version, run or prediction, or no batch with such a file.
    """
    text = str(reference)
    if text.startswith(ID):
        return of_prediction(project, text.removeprefix(ID))
    if _is_file(reference):
        return _of_file(project, text)
    try:
        found = references.resolve(project, reference, ("version", "run", "prediction"))
    except NotFound:
        if isinstance(reference, int) or not _is_logged(project, text):
            raise
        return of_prediction(project, text)
    if found.kind == "prediction":
        return of_prediction(project, found.id)
    return _of(project, version_of(project.store, found))


def _is_logged(project: Workspace, number: str) -> bool:
    """Whether a prediction was logged with this id, which another system may have chosen."""
    from fullturn.serving import log
    from fullturn.verbs.log import collect

    collect(project)
    return log.exists(project.state) and bool(log.known(project.state, [number]))


def _is_file(reference: str | int) -> bool:
    """Whether a reference is a path or an address: it has a slash or a dot, and is no model's."""
    text = str(reference)
    if "://" in text or not ("/" in text or "." in text) or text.startswith("models:/"):
        return "://" in text
    return Path(text).exists()


def _of_file(project: Workspace, path: str) -> BatchLineage:
    """Trace a file that was predicted, or that came out, by its digest.

    Raises:
        NotFound: no recorded batch has such a file.
    """
    from fullturn.batch.files import digest_of

    digest = digest_of(path)
    roles: tuple[Role, ...] = ("output", "input")
    for role in roles:
        runs = project.store.runs("batch", 1, tags={BatchTags.key(f"{role}_digest"): digest})
        for run in runs:
            tags = BatchTags.read(run.tags)
            return BatchLineage(
                file=path,
                role=role,
                run=run.id,
                predicted=run.started,
                input=tags.input or "",
                input_digest=tags.input_digest or "",
                output=tags.output or "",
                output_digest=tags.output_digest or "",
                rows=tags.rows or 0,
                failed=tags.failed or 0,
                lineage=of_version(project, tags.version or 0),
            )
    raise NotFound(
        f"no recorded batch read or wrote {path} (sha256 {digest[:12]}): it was changed since, or "
        "made elsewhere"
    )


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
        lineage=of_version(project, found.version) if found.version else None,
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
        try:
            return log.find(project.state, number)
        except NotFound:
            return _collected(project, number)
    for trace in waiting(project.state / JOURNALS):
        if trace.id == name:
            return answered(trace)
    try:
        return log.find(project.state, name)
    except NotFound:
        return answered(project.store.answer(name))


def _collected(project: Workspace, number: str) -> Prediction:
    """Of those that other systems logged, and nobody has collected yet."""
    from fullturn.serving import log
    from fullturn.verbs.log import collect

    collect(project)
    return log.find(project.state, number)


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
    steps = _steps(result.lineage) if result.lineage else {"version": "no champion at that time"}
    yield facts({**_answer(result), **steps})
    if result.lineage:
        yield then(f"fullturn reproduce {result.lineage.version}")


@view.register
def _(result: BatchLineage) -> Iterator[Block]:
    about: Mapping[str, object] = {
        result.role: f"{result.file} (sha256 {_digest(result)[:12]})",
        "other file": result.input if result.role == "output" else result.output,
        "batch": f"run {result.run}, {result.predicted}",
        "rows": f"{result.rows:,}, {result.failed:,} with an error",
    }
    yield facts({**about, **_steps(result.lineage)})
    yield then(f"fullturn reproduce {result.lineage.version}")


def _digest(result: BatchLineage) -> str:
    return result.output_digest if result.role == "output" else result.input_digest


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
        "answered": f"{when} in {1000 * one.latency:.1f} ms{_by(one)}",
        "key": one.key if one.key != one.id else "none",
        "input": json.dumps(one.input, ensure_ascii=False),
        "output": one.error or json.dumps(_short(one.output or {}), ensure_ascii=False),
        "cited": ", ".join(found.passages),
        "feedback": "; ".join(map(_feedback, found.feedback)),
        **copied,
    }


def _by(one: Prediction) -> str:
    return f", by version {one.version} ({one.arm})" if one.version else ""


def _short(output: Output) -> Output:
    """The output without its passages: citations have a line of their own."""
    return {name: value for name, value in output.items() if name not in ("passages", "retrieved")}


def _feedback(one: Feedback) -> str:
    known = [] if one.expected is None else [json.dumps(one.expected, ensure_ascii=False)]
    known += [] if one.score is None else [f"score {one.score:g}"]
    return " ".join((*known, f"from {one.source or 'unknown'}"))
