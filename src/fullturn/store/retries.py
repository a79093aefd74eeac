"""Calls that lost a race inside the tracking server's database are retried, and those that came
while the server or its database was away.

MLflow writes a tag or an alias by "read it, then insert or update" in one transaction. Of two
processes that insert at once, the database rejects one: a unique key, a deadlock, a lock. It
rolls that transaction back as a whole, so nothing was written and the call can be repeated; then
it finds the other's row and updates it.
"""

from __future__ import annotations

import functools
import random
import re
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from fullturn.store.client import (
    IntegrityError,
    MlflowClient,
    MlflowException,
    OperationalError,
)

ATTEMPTS = 20
LONGEST_PAUSE = 0.5
"""Seconds; the pauses grow up to it, each cut at random, so that racers do not collide again."""
_CODES = frozenset({"BAD_REQUEST", "TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR"})
"""What MLflow makes of a database's errors; any other code is an answer of its own."""
_LOST = re.compile(
    r"unique constraint|duplicate (key|entry)"  # SQLite, PostgreSQL; MySQL, SQL Server
    r"|deadlock"
    r"|could not serialize|lock timeout|lock wait timeout|(database|table) is locked"
    r"|model version creation error",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"connection refused|max retries exceeded|too many 50\d error responses|connection aborted"
    r"|could not connect|(server|database system) (closed|is (starting|shutting))"
    r"|terminating connection|connection (timed out|reset)|remote end closed|error code 50[234]",
    re.IGNORECASE,
)
"""Of a server or a database that is stopped, starts or restarts."""
P = ParamSpec("P")
R = TypeVar("R")


def retried(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it, and after a lost race call it again: up to ATTEMPTS times in about five seconds.

    Only for calls that change nothing when they fail, or the same when repeated.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return call(*args, **kwargs)
        except (MlflowException, IntegrityError, OperationalError) as error:
            if not lost_race(error):
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2**attempt)))
    return call(*args, **kwargs)


def is_away(error: Exception) -> bool:
    """Whether the server, or the database behind it, did not answer at all."""
    if isinstance(error, MlflowException) and error.error_code not in _CODES:
        return False
    return isinstance(error, ConnectionError) or _AWAY.search(str(error)) is not None


def lost_race(error: Exception) -> bool:
    """Whether the database rejected this transaction in favour of another."""
    if isinstance(error, MlflowException) and error.error_code not in _CODES:
        return False
    return _LOST.search(str(error)) is not None


class RetryingClient:
    """MLflow's client; a call, which is one transaction, is retried when it loses a race.

    It is also retried while the server is away, if it was reached before: a training is not lost
    to a restart of the database, and a wrong address is not waited for.
    """

    def __init__(
        self, client: MlflowClient, reached: Callable[[], bool], patience: Callable[[], float]
    ) -> None:
        """`reached` says whether others reached the server; `patience` how long to wait for it, in
        seconds."""
        self._client = client
        self._others_reached, self._patience = reached, patience
        self._reached = False

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self._call, getattr(self._client, name))

    def _call(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        until = time.monotonic() + self._patience()
        while True:
            try:
                found = retried(call, *args, **kwargs)
            except (MlflowException, OperationalError, OSError) as error:
                reached = self._reached or self._others_reached()
                if not (reached and is_away(error) and time.monotonic() < until):
                    raise
                time.sleep(random.uniform(0.5, 1.5))
            else:
                self._reached = True
                return found
