"""Predictions that were made elsewhere, and what became known of them: entries of the log.

They arrive by `POST /log`, or through a journal that any number of processes append to
(`fullturn.log`). Whoever owns the prediction log, the server or a verb, moves the journal's records
into it, each once, and gives them their place in its order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from fullturn.core.entities import Contract, Feedback, Prediction
from fullturn.core.journal import Drain
from fullturn.core.wording import shown
from fullturn.serving import log
from fullturn.serving.answering import new_ids
from fullturn.serving.feedback import entries_of, expected_of, score_of, source_of
from fullturn.serving.inputs import Malformed, Rows, key_of, reject_unknown
from fullturn.serving.log import PredictionLog

JOURNAL = "external.journal"
BATCH = 5_000
LONGEST_ID = 200
LONGEST_ERROR = 2000
"""Characters."""
LATEST = 10**14
"""Milliseconds since 1970, in the year 5138: anything later is another unit."""
SLOWEST = 10**9
"""Seconds that an answer may have taken."""
LARGEST_VERSION = 2**31 - 1
_FIELDS = ("id", "input", "output", "error", "key", "version", "time", "latency", "expected",
           "score", "source")  # fmt: skip
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
VersionAt = Callable[[int], int]
"""The champion at a time, in milliseconds since 1970; 0 if there was none."""


@dataclass(frozen=True, slots=True)
class ExternalEntry:
    """A prediction made elsewhere; or, without an input, what became known of an earlier one."""

    id: str
    input: Mapping[str, Any] | None
    output: Mapping[str, Any] | None = None
    """None if there was no answer."""
    error: str | None = None
    key: str = ""
    version: int | None = None
    """Of the registered model; None for the champion at that time."""
    time: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    """When it was answered, in milliseconds since 1970."""
    latency: float = 0.0
    """Seconds."""
    expected: Mapping[str, Any] | None = None
    score: float | None = None
    source: str = ""
    has_own_id: bool = False
    """Whether its sender chose the id: it may come again."""

    def records(self, version_at: VersionAt) -> list[Prediction | Feedback]:
        """The entries of the log."""
        found: list[Prediction | Feedback] = []
        if self.input is not None:
            version = version_at(self.time) if self.version is None else self.version
            error = self.error if self.output is not None else self.error or "no answer"
            found.append(
                Prediction(self.id, 0, self.time, "champion", version, self.key or self.id,
                           self.input, self.output, self.latency, error)
            )  # fmt: skip
        if self.expected is not None or self.score is not None:
            found.append(Feedback(self.id, 0, self.time, self.expected, self.score, self.source))
        return found


def new_id() -> str:
    """An id for a prediction, as the server makes them."""
    return next(new_ids(time.time_ns() // 1_000_000, 1))


def encode(entry: ExternalEntry) -> bytes:
    """An entry as a record of the journal.

    Raises:
        TypeError: an input, an output or a label is not JSON.
    """
    values = {name: getattr(entry, name) for name in ExternalEntry.__slots__}
    return orjson.dumps(values, option=_OPTIONS)


def of_body(body: bytes, contract: Contract, rows: Rows) -> tuple[list[ExternalEntry], list[str]]:
    """`{"input": {column: value}, "output": {…}, …}`, or a list of such; each with the reason why
    its input breaks the contract, empty if it does not. Such a row is logged as it came.

    Raises:
        Malformed: the body is something else.
    """
    read = [_entry(entry, contract, rows) for entry in entries_of(body, "entries")]
    return [entry for entry, _ in read], [why for _, why in read]


def _entry(given: Any, contract: Contract, rows: Rows) -> tuple[ExternalEntry, str]:
    if not isinstance(given, dict):
        raise Malformed(f"an entry is {shown(given)}; send an object with 'input' and 'output'")
    reject_unknown(given, *_FIELDS)
    if not isinstance(given.get("input"), dict):
        raise Malformed(
            f"input = {shown(given.get('input'))}; send the row, a value by column. For a label of "
            "an earlier prediction use /feedback"
        )
    checked = rows.checked([given["input"]])
    time = _whole(given, "time", 0, LATEST, "milliseconds since 1970, a whole number")
    entry = ExternalEntry(
        id=_id(given.get("id")) or new_id(),
        input=checked.rows[0],
        output=_object(given, "output"),
        error=_error(given.get("error")),
        key=key_of(given.get("key")),
        version=_whole(given, "version", 1, LARGEST_VERSION, "the number of a registered version"),
        latency=_latency(given.get("latency")),
        expected=expected_of(given.get("expected"), contract),
        score=score_of(given.get("score")),
        source=source_of(given.get("source", "")),
        has_own_id=given.get("id") is not None,
        **({} if time is None else {"time": time}),
    )
    return entry, checked.refused or ""


def _id(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise Malformed(f"id = {shown(value)}; send a text of 1 to {LONGEST_ID} characters")
    return value


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise Malformed(f"{name} = {shown(value)}; send an object, such as {{'label': 'spam'}}")
    return value


def _error(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= LONGEST_ERROR):
        raise Malformed(f"error = {shown(value)}; send a text of up to {LONGEST_ERROR} characters")
    return value


def _whole(given: Mapping[str, Any], name: str, least: int, most: int, what: str) -> int | None:
    value = given.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 is a whole number in JSON
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Malformed(f"{name} = {shown(value)}; send {what}")
    return value


def _latency(value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SLOWEST:
        raise Malformed(f"latency = {shown(value)}; send seconds")
    return float(value)


class Collector:
    """Moves entries from the journal to the prediction log, each once."""

    def __init__(
        self, state: Path, writer: PredictionLog, contract: Contract, version_at: VersionAt
    ) -> None:
        self._state, self._writer, self._version_at = state, writer, version_at
        self._contract, self._rows = contract, Rows(contract)
        self._is_first = True
        self.drain = Drain(
            state / JOURNAL, self._take, batch=BATCH, pause=log.DRAIN_EVERY, retries=2**31
        )

    def _take(self, payloads: Sequence[bytes]) -> None:
        entries = [ExternalEntry(**orjson.loads(payload)) for payload in payloads]
        # A process that died may have taken the first batch and not noted it.
        doubtful = {one.id for one in entries if one.has_own_id or self._is_first}
        self._is_first = True
        taken = log.known(self._state, doubtful)
        new = list[Prediction | Feedback]()
        for one in entries:
            if one.input is not None and one.id in taken:
                continue
            if one.input is not None and one.has_own_id:
                taken.add(one.id)
            new += self._as_stored(one).records(self._version_at)
        if new:
            self._writer.append(new)
        self._is_first = False

    def _as_stored(self, one: ExternalEntry) -> ExternalEntry:
        """The entry with the spelling of the contract: 'no' and False are one value of a boolean.

        What breaks the contract stays as it came: detectors count it.
        """
        expected = one.expected
        with suppress(Malformed):
            expected = expected_of(expected, self._contract)
        if one.input is None:
            return replace(one, expected=expected)
        return replace(one, input=self._rows.checked([one.input]).rows[0], expected=expected)
