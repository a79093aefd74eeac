"""A delivery as JSON, and back, trusting nothing: it may come from a stranger's pull request."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import cache

from fullturn.core.errors import CouldNotEvaluate, IntegrityError
from fullturn.core.wording import shown
from fullturn.metrics.metric import SHARE
from fullturn.pipeline.records import Delivery, Difference

LARGEST = 2**20
"""Characters of JSON that are read."""
_BOUND = 1e12
"""Larger numbers are rejected."""


def to_json(delivery: Delivery) -> str:
    """The delivery as JSON, ASCII only, so that every tool reads it as written.

    Raises:
        CouldNotEvaluate: a figure is NaN, infinite, or not a JSON value.
    """
    try:
        return json.dumps(asdict(delivery), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CouldNotEvaluate(
            f"the report of '{delivery.project}' contains a figure that JSON cannot "
            f"represent: {error}; "
            "let checks and apps return finite numbers, texts and lists"
        ) from error


def from_json(text: str) -> Delivery:
    """The delivery that `to_json` wrote: every field of the right type, and no other.

    Raises:
        IntegrityError: it is something else, or longer than LARGEST.
    """
    if len(text) > LARGEST:
        raise _refused(f"it has {len(text):,} characters, at most {LARGEST:,} are read")
    try:
        body = json.loads(text, parse_constant=_no_number, parse_int=_whole, parse_float=_finite)
        found = _reader()(json.dumps({"delivery": body}))
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise _refused(" ".join(str(error).split())) from None
    for one in (*found.scores, *found.slices, *((found.shared,) if found.shared else ())):
        _check(one)
    if not 0 <= found.margin <= 1:
        raise _refused(f"its margin is {found.margin:g}")
    return found


@cache
def _reader() -> Callable[[str], Delivery]:
    from pydantic import BaseModel, ConfigDict

    class Sealed(BaseModel):
        """A dataclass takes its strictness from the model around it."""

        model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
        delivery: Delivery

    return lambda text: Sealed.model_validate_json(text).delivery


def _check(of: Difference) -> None:
    most = 1.0 if of.unit == SHARE else math.inf
    inside = 0 <= of.confidence <= 1 and (of.margin is None or 0 < of.margin <= most)
    if of.unit == SHARE:
        inside = inside and 0 <= of.champion <= 1 and 0 <= of.candidate <= 1
    ordered = -most <= of.low <= of.estimate <= of.high <= most
    if not (inside and ordered and of.rows >= 0):
        raise _refused(f"the figures of {shown(of.name)} are not a valid difference of scores")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a valid figure")


def _whole(digits: str) -> int:
    if len(digits) > 13:
        raise ValueError("a number has more than 12 digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value) or abs(value) > _BOUND:
        raise ValueError(f"the number {digits[:20]} is out of range")
    return value


def _refused(why: str) -> IntegrityError:
    return IntegrityError(
        f"this is not a pipeline report: {why[:300]}; write it with `fullturn ci report`"
    )
