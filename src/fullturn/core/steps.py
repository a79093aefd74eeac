"""One step's metrics as a record of a journal."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from fullturn.core.errors import UsageError

try:
    from orjson import dumps, loads
except ImportError:  # in the environment of a team's own training
    import json

    loads: Any = json.loads  # type: ignore[no-redef]

    def dumps(value: Any) -> bytes:  # type: ignore[misc]
        """JSON as bytes."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def encode_step(step: int, timestamp_ms: int, metrics: Mapping[str, float]) -> bytes:
    """One step's metrics as a payload: JSON `[step, timestamp_ms, {name: value}]`.

    Infinities and NaN, which JSON lacks, become strings.

    Raises:
        UsageError: a name is not text, or a value is not a number.
    """
    try:
        if isfinite(sum(metrics.values())):
            return dumps([step, timestamp_ms, metrics])
    except (TypeError, ValueError, OverflowError):
        pass  # numpy scalars, tensors, or no numbers at all
    try:
        plain = {name: _plain(name, value) for name, value in metrics.items()}
        return dumps([step, timestamp_ms, plain])
    except TypeError as error:
        raise UsageError(f"step {step!r} cannot be stored: {error}") from None


def decode_step(payload: bytes) -> tuple[int, int, dict[str, float]]:
    """Step, timestamp (ms since the epoch) and metrics of a payload of `encode_step`.

    Raises:
        UsageError: the payload is something else.
    """
    try:
        step, timestamp_ms, metrics = loads(payload)
        return int(step), int(timestamp_ms), {n: float(v) for n, v in metrics.items()}
    except (ValueError, TypeError, AttributeError):
        raise UsageError(
            f"{payload[:80]!r} is not a step of metrics; is it from another journal?"
        ) from None


def _plain(name: str, value: float) -> float | str:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"metric {name!r} is {value!r}: give a number") from None
    return number if isfinite(number) else repr(number)
