"""Feedback on answers: labels and scores, attached to prediction ids at any later time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from fullturn.core.entities import Contract, Feedback, Prediction
from fullturn.core.errors import DataError, NotFound
from fullturn.core.values import parsed, stored_value
from fullturn.core.wording import nearest, shown
from fullturn.serving import log
from fullturn.serving.inputs import Malformed, reject_unknown

RECENT = 100_000
"""Ids that are known without reading the log, at most."""
MOST = 1000
"""Feedback entries in one request, at most."""
SOURCE_LENGTH = 200
LABEL_ROLES = ("label", "slice", "group")
"""Roles of the columns that a training row needs besides the input."""


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """Validated feedback, before it is known whether the prediction exists."""

    prediction: str
    expected: Mapping[str, Any] | None
    score: float | None
    source: str


def of_body(body: bytes, contract: Contract) -> list[FeedbackEntry]:
    """`{"id", "expected": {label: value} | "score": 0..1, "source"}`, or a list of such.

    Raises:
        Malformed: it is something else, or a value breaks its label column.
    """
    return [_entry(entry, contract) for entry in entries_of(body, "feedback entries")]


def entries_of(body: bytes, what: str) -> list[Any]:
    """The one JSON value of a body, or those of its list; `what` names them in errors.

    Raises:
        Malformed: it is no JSON, or has none or too many.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}; send an object", 400) from None
    entries = found if isinstance(found, list) else [found]
    if not 0 < len(entries) <= MOST:
        raise Malformed(f"{len(entries)} {what} in one request; send 1 to {MOST}")
    return entries


def _entry(entry: Any, contract: Contract) -> FeedbackEntry:
    if not isinstance(entry, dict):
        raise Malformed(f"feedback is {shown(entry)}; send an object with 'id'")
    reject_unknown(entry, "id", "expected", "score", "source")
    number = entry.get("id")
    if not isinstance(number, str) or not number:
        raise Malformed(f"id = {shown(number)}; send the id that came with the answer")
    source = source_of(entry.get("source", ""))
    expected, score = entry.get("expected"), entry.get("score")
    if expected is None and score is None:
        raise Malformed("feedback needs 'expected', the right answer, or 'score', 0 to 1")
    return FeedbackEntry(number, expected_of(expected, contract), score_of(score), source)


def source_of(source: Any) -> str:
    """Who gave it; raises Malformed if it is no short text."""
    if not isinstance(source, str) or len(source) > SOURCE_LENGTH:
        raise Malformed(
            f"source = {shown(source)}; send a text of up to {SOURCE_LENGTH} characters"
        )
    return source


def score_of(score: Any) -> float | None:
    """A score from 0 to 1; raises Malformed if it is something else."""
    if score is None:
        return None
    number = isinstance(score, int | float) and not isinstance(score, bool)
    if not number or not 0 <= score <= 1:
        raise Malformed(f"score = {shown(score)}; send a number from 0, wrong, to 1, right")
    return float(score)


def expected_of(expected: Any, contract: Contract) -> dict[str, Any] | None:
    """The right answer, a value by label column; raises Malformed if it is something else."""
    if expected is None:
        return None
    columns = {column.name: column for column in contract.columns if column.role in LABEL_ROLES}
    if not isinstance(expected, dict) or not expected:
        raise Malformed(
            f"expected = {shown(expected)}; send an object: a value for {', '.join(columns)}"
        )
    for name in expected:
        if name not in columns:
            hint = f"{nearest(name, list(columns))}; feedback takes {_taken(contract)}"
            raise Malformed(f"no label '{name}'{hint}")
    try:
        return {
            name: parsed(stored_value(value, columns[name]), columns[name])
            for name, value in expected.items()
        }
    except DataError as error:
        raise Malformed(str(error)) from None


def _taken(contract: Contract) -> str:
    """Every column that feedback may contain, and its role."""
    return ", ".join(f"{name} ({role})" for role in LABEL_ROLES for name in contract.names(role))


class FeedbackStore:
    """Stores feedback: recent ids are known at once, others are looked up in the log."""

    def __init__(self, state: Path, writer: log.PredictionLog, most: int = RECENT) -> None:
        self._state, self._writer, self._most = state, writer, most
        self._recent: dict[str, bool] = {}
        """By id, whether there is feedback on it."""
        self._mutex = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def remember(self, made: Iterable[Prediction]) -> None:
        """Note that these were logged; the oldest ids are forgotten to make room."""
        with self._mutex:
            for one in made:
                self._recent[one.id] = False
            while len(self._recent) > self._most:
                del self._recent[next(iter(self._recent))]

    def store(self, entries: Sequence[FeedbackEntry]) -> list[bool]:
        """Log these; returns for each whether it replaces earlier feedback. All or none is stored.

        Raises:
            NotFound: an id is not in the log.
            FullturnError: the log cannot be written.
        """
        with self._one_at_a_time:
            replaced, within = [], set[str]()
            for one in entries:
                replaced.append(one.prediction in within or self._judged(one.prediction))
                within.add(one.prediction)
            now = time.time_ns() // 1_000_000
            self._writer.append(
                [Feedback(s.prediction, 0, now, s.expected, s.score, s.source) for s in entries]
            )
            self._mark(within)
            return replaced

    def store_new(
        self, entries: Sequence[tuple[str | None, Sequence[Prediction | Feedback]]]
    ) -> list[bool]:
        """Log predictions that were made elsewhere, each with what is known of it.

        The ids are those that their senders chose. Returns for each whether the log has its id:
        then it is not logged again.

        Raises:
            FullturnError: the log cannot be written.
        """
        with self._one_at_a_time:
            taken = log.known(self._state, {one for one, _ in entries if one is not None})
            repeated, new = list[bool](), list[Prediction | Feedback]()
            for number, records in entries:
                repeated.append(number in taken)
                if number not in taken:
                    new += records
                if number is not None:
                    taken.add(number)
            if new:
                self._writer.append(new)
            self.remember(one for one in new if isinstance(one, Prediction))
            self._mark({one.prediction for one in new if isinstance(one, Feedback)})
            return repeated

    def _mark(self, judged: set[str]) -> None:
        with self._mutex:
            self._recent.update((one, True) for one in judged if one in self._recent)

    def _judged(self, number: str) -> bool:
        """Whether there is feedback on this prediction already."""
        judged = self._recent.get(number)
        if judged is not None:
            return judged
        try:
            log.find(self._state, number)
        except NotFound:  # its message names a folder of the server
            reason = f"no prediction {shown(number)}; send an id that came with an answer"
            raise NotFound(reason) from None
        return bool(log.feedback_on(self._state, number))
