"""Traces of answered questions, written locally first and shipped in the background."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from fullturn.core import journal
from fullturn.core.entities import Input, Output, ScoredRow
from fullturn.core.journal import Drain, Journal
from fullturn.core.records import Span, Traced
from fullturn.core.tags import TraceTags
from fullturn.store import Store

TRACES = "-traces"
"""Ends the name of a spool's journal, after the run's id."""
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def traced(
    inputs: Input,
    output: Output,
    latency: float,
    tags: Mapping[str, str],
    run_id: str,
    trace_id: str | None = None,
    *,
    error: str = "",
) -> Traced:
    """The trace of an answer, or of an `error`, that took `latency` seconds and ends now.

    Below the whole answer are the steps that the output mentions: the passages it cites, and
    the tokens of the LLM.
    """
    end = time.time_ns()
    start = end - round(latency * 1e9)
    whole = Span("answer", "CHAIN", dict(inputs), dict(output), start, end, error)
    steps = []
    if "citations" in output:
        found = {"citations": output["citations"], "confidence": output.get("confidence")}
        steps.append(Span("retrieve", "RETRIEVER", dict(inputs), found, start, end))
    if output.get("completion_tokens"):
        tokens = {key: output[key] for key in ("prompt_tokens", "completion_tokens")}
        steps.append(Span("complete", "LLM", dict(inputs), tokens, start, end))
    return Traced(trace_id or secrets.token_hex(16), (whole, *steps), tags, run_id)


class Spool:
    """Traces on their way from a journal to a sink, open for the length of a `with` block."""

    def __init__(self, path: Path, drain: Drain, *, seconds: float, private: bool = False) -> None:
        self._journal = Journal(path, private=private)
        self._drain = drain
        self._seconds = seconds
        """How long the end of the block waits for the sink."""

    def __enter__(self) -> Self:
        self._drain.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.close()
        self._drain.close(timeout=self._seconds)

    def append_traces(self, traces: Iterable[Traced]) -> None:
        """Add these traces: one write, which SIGKILL cannot undo."""
        self._journal.append_many(map(encode, traces))


class TraceSpool(Spool):
    """Traces on their way to MLflow.

    `run_id` is the run of the rows given to `append`. With `patient` the background tries for as
    long as it is open, otherwise for a minute or two.
    """

    def __init__(
        self, store: Store, path: Path, run_id: str = "", *, patient: bool = False
    ) -> None:
        drain = Drain(path, TraceSink(store), retries=2**31 if patient else 8)
        super().__init__(path, drain, seconds=5 if patient else 120)
        self._run_id = run_id

    def append(self, rows: Iterable[ScoredRow]) -> None:
        """Trace these rows."""
        self.append_traces(self._of(row) for row in rows)

    def _of(self, row: ScoredRow) -> Traced:
        tags = TraceTags(row=row.id, scores=row.scores).write()
        return traced(row.input, row.output, row.latency, tags, self._run_id)


@dataclass(frozen=True, slots=True)
class TraceSink:
    """The receiving end of a spool; a trace sent twice is stored once."""

    store: Store

    def __call__(self, payloads: Sequence[bytes]) -> None:
        """Write these traces."""
        for payload in payloads:
            self.store.trace(decode(payload))


def send(store: Store, path: Path) -> None:
    """Send the traces of a journal, and remove it.

    Raises:
        StoreUnavailable: they wait in it until the next time.
    """
    drain = Drain(path, TraceSink(store))
    drain.replay()
    drain.close()


def waiting(folder: Path) -> Iterator[Traced]:
    """Traces in the journals of a folder that have not been sent to MLflow yet."""
    for path in sorted(folder.glob(f"*{TRACES}.journal")):
        yield from map(decode, journal.waiting(path))


def encode(trace: Traced) -> bytes:
    """A trace as a record of a journal; what JSON lacks is written as text."""
    return orjson.dumps(asdict(trace), default=str, option=_OPTIONS)


def decode(payload: bytes) -> Traced:
    """The trace that `encode` wrote."""
    record: dict[str, Any] = orjson.loads(payload)
    spans = tuple(Span(**span) for span in record["spans"])
    return Traced(record["id"], spans, record["tags"], record["run_id"])
