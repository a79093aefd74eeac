"""From the rows of requests to predictions: which version answers, its outputs and errors."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fullturn.core.entities import Arm, Input, Output, Prediction
from fullturn.core.errors import AppError, FullturnError, ServiceUnavailable, UsageError
from fullturn.serving.deployment import Deployment, LoadedVersion
from fullturn.serving.fair_queue import Caller
from fullturn.serving.log import VIOLATION, encode


class Full(Exception):
    """The queue takes no more rows now."""


class NotAnswered(Exception):
    """The server could not answer in time, or could not log the answer: 503, try again."""


@dataclass(slots=True, eq=False)
class Work:
    """The rows of one request, and their predictions once they are made."""

    rows: Sequence[Input]
    key: str
    """The entity that asks; of a request that names none, the id of its first row."""
    answered: asyncio.Future[None]
    caller: Caller = ("", "")
    """Who has to share the server with others."""
    refused: str | None = None
    """Why the rows break the contract: they are logged, but no version gets them."""
    pinned: bool = False
    """Whether the champion answers, whatever is released."""
    arrived: float = field(default_factory=time.perf_counter)
    ids: Sequence[str] = ()
    arm: Arm = "champion"
    version: int = 0
    predictions: Sequence[Prediction] = ()
    failure: FullturnError | None = None
    """The error of the first row that has no output."""
    logged: bool = True


@dataclass(slots=True)
class Pace:
    """How many rows are predicted at a time: as many as take about `seconds`.

    A model that is as fast for a batch as for a row gets batches; an LLM gets a row at a time.
    """

    seconds: float
    rows: int = 1

    def took(self, rows: int, seconds: float) -> None:
        """Learn from the last call; at most twice as many the next time."""
        affordable = int(self.seconds * rows / max(seconds, 1e-9))
        self.rows = max(1, min(affordable, 2 * self.rows))


def assign_arms(
    works: Sequence[Work], deployment: Deployment, now: int
) -> list[tuple[LoadedVersion, list[Work]]]:
    """Give each row an id and each request an arm; returns the requests by version."""
    ids = new_ids(now, sum(len(work.rows) for work in works))
    groups: dict[int, tuple[LoadedVersion, list[Work]]] = {}
    for work in works:
        work.ids = [next(ids) for _ in work.rows]
        work.key = work.key or work.ids[0]
        work.arm = "champion" if work.pinned else deployment.arm_of(work.key)
        slot = deployment.slot(work.arm)
        work.version = slot.version
        groups.setdefault(slot.version, (slot, []))[1].append(work)
    return list(groups.values())


def new_ids(now: int, count: int) -> Iterator[str]:
    """32 hexadecimal digits each: 12 of the time in ms, then 80 random bits (as in UUIDv7).

    Ids made at about the same time sort together, so a table finds one without opening all of its
    files. A trace has the id of its prediction.
    """
    begin, drawn = f"{now:012x}", secrets.token_hex(10 * count)
    return (begin + drawn[place : place + 20] for place in range(0, 20 * count, 20))


def run_batch(slot: LoadedVersion, works: Sequence[Work], now: int, pace: Pace, most: int) -> None:
    """Predict all rows of these works with a version, and store the predictions in the works.

    Raises:
        NotAnswered: nobody waits for any of them any more.
    """
    asked = [row for work in works if not work.refused for row in work.rows]

    def wanted() -> bool:
        return any(not work.answered.done() for work in works)

    results = iter(answers(slot, asked, pace, most, wanted))
    finished = time.perf_counter()
    for work in works:
        found = [UsageError(work.refused)] * len(work.rows) if work.refused else results
        work.predictions = [
            _prediction(work, now, row, one, result, finished - work.arrived)
            for row, one, result in zip(work.rows, work.ids, found, strict=False)
        ]


def _prediction(
    work: Work, now: int, row: Input, one: str, result: Output | FullturnError, latency: float
) -> Prediction:
    output, error = output_and_error(result)
    if error is not None:
        work.failure = work.failure or (result if isinstance(result, FullturnError) else None)
    return Prediction(one, 0, now, work.arm, work.version, work.key, row, output, latency, error)


def output_and_error(result: Output | FullturnError) -> tuple[Output | None, str | None]:
    """The output and the error of a prediction."""
    if isinstance(result, UsageError):
        return None, f"{VIOLATION}{result}"
    if isinstance(result, FullturnError):
        return None, f"{type(result).__name__}: {result}"
    return result, None


def replace_unserializable(work: Work) -> None:
    """Turn outputs of this work that JSON cannot represent into errors."""
    work.predictions = [serializable(one) for one in work.predictions]
    failed = next((one.error for one in work.predictions if one.error), None)
    if failed and not work.failure:
        work.failure = AppError(failed)


def serializable(one: Prediction) -> Prediction:
    """The prediction; with an error in place of an output that JSON cannot represent."""
    try:
        encode(one, 0)
    except TypeError as error:
        return replace(one, output=None, error=f"the output of version {one.version}: {error}")
    return one


def answers(
    slot: LoadedVersion,
    rows: Sequence[Input],
    pace: Pace,
    most: int,
    wanted: Callable[[], bool] = lambda: True,
) -> list[Output | FullturnError]:
    """A version's output or error for each row; predicted in parts as large as `pace` allows.

    Raises:
        NotAnswered: they are no longer `wanted`; checked before each part.
    """
    found: list[Output | FullturnError] = []
    while len(found) < len(rows):
        if not wanted():
            raise NotAnswered("nobody waits for the answer any more")
        part = rows[len(found) : len(found) + min(most, pace.rows)]
        started = time.perf_counter()
        found += _answers(slot, part)
        pace.took(len(part), time.perf_counter() - started)
    return found


def _answers(slot: LoadedVersion, rows: Sequence[Input]) -> list[Output | FullturnError]:
    """If a batch fails, each row is predicted separately: a bad row does not spoil the others.

    Not if the address behind the version does not answer: each row would wait for it again.
    """
    found = _predict(slot, rows)
    if isinstance(found, list):
        return [*found]
    if len(rows) == 1 or isinstance(found, ServiceUnavailable):
        return [found] * len(rows)
    each = (_predict(slot, [row]) for row in rows)
    return [one[0] if isinstance(one, list) else one for one in each]


def _predict(slot: LoadedVersion, rows: Sequence[Input]) -> list[Output] | FullturnError:
    try:
        outputs = list(slot.predictor.predict(rows))
    except FullturnError as error:
        return error
    except Exception as error:  # noqa: BLE001  a user's app may raise anything
        return AppError(f"version {slot.version} failed: {type(error).__name__}: {error}")
    if len(outputs) != len(rows):
        return AppError(f"version {slot.version} gave {len(outputs)} outputs for {len(rows)} rows")
    return outputs
