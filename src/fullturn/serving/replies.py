"""Replies, and the one place where errors become statuses. Never a 500 for a bad body."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from fullturn.core.errors import FullturnError, NotFound, UsageError
from fullturn.serving.answering import Full, NotAnswered, Work
from fullturn.serving.inputs import Malformed

RETRY_AFTER = b"1"
"""Seconds after which a client may try again."""
JSON = b"application/json"
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_log = logging.getLogger("fullturn.serving")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply."""

    status: int
    body: bytes | Iterator[bytes]
    kind: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Refusal(Exception):
    """A request that is not answered, for a reason that no other error covers."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Failed(Exception):
    """A row has no output; the work has the reason, and the ids under which it is logged."""

    def __init__(self, work: Work) -> None:
        super().__init__(str(work.failure))
        self.work = work


def as_json(content: Any) -> Reply:
    """A successful answer."""
    return Reply(200, orjson.dumps(content, option=_OPTIONS))


def error_body(reason: str, ids: Sequence[str] | None = None) -> bytes:
    """The body of a reply to a request that is refused."""
    return orjson.dumps({"error": reason} if ids is None else {"error": reason, "ids": ids})


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said of an error, before a protocol gives it its form."""

    status: int
    reason: str
    ids: Sequence[str] | None
    """Under which its rows are logged; None if they are not."""
    headers: list[tuple[bytes, bytes]]


def problem(error: Exception) -> Problem:
    """What an error means for its sender. An error of the server is logged."""
    failed = error.work if isinstance(error, Failed) else None
    status = _status(failed.failure or error if failed else error)
    headers = []
    if status in (429, 503):
        headers = [(b"retry-after", RETRY_AFTER)]
    elif status == 401:
        headers = [(b"www-authenticate", b"Bearer")]
    elif status == 500:
        _log.error("a request failed: %r", error, exc_info=error)
    return Problem(status, _reason(error, status), failed.ids if failed else None, headers)


def refusal(error: Exception) -> Reply:
    """The reply that an error becomes, in our own form."""
    found = problem(error)
    return Reply(found.status, error_body(found.reason, found.ids), headers=found.headers)


def _reason(error: Exception, status: int) -> str:
    if status == 500:
        return "the server failed; its log says why"
    return "the queue is full; try again later" if isinstance(error, Full) else str(error)


def _status(error: Exception) -> int:
    if isinstance(error, Malformed | Refusal):
        return error.status
    if isinstance(error, Full):
        return 429
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, UsageError):
        return 422
    return 503 if isinstance(error, FullturnError | NotAnswered) else 500
