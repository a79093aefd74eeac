"""The assistant's parameters, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import UsageError
from fullturn.core.wording import shown

AnswerKind = Literal["extractive", "zero-shot", "few-shot", "guarded"]
Retrieval = Literal["bm25", "vectors", "fused"]
MAX_TOKENS = 120
TUNED = "tuned"
_MOST = 10
_MOST_TOKENS = 500
DEFAULTS: Params = {
    "retrieval": "fused",
    "passages": 3,
    "sentences": 4,
    "answer": "extractive",
    "prompt": "copy",
    "tokens": MAX_TOKENS,
    "threshold": TUNED,
}
SPACE: Mapping[str, Sequence[Scalar]] = {
    "retrieval": get_args(Retrieval),
    "passages": (1, 2, 3),
    "sentences": (2, 3, 4),
}


def parse(params: Params) -> dict[str, Scalar]:
    """All parameters; the defaults where nothing is given.

    Raises:
        UsageError: a parameter is unknown or has a value that is not allowed.
    """
    unknown = sorted(params.keys() - DEFAULTS.keys())
    if unknown:
        raise UsageError(
            f"the assistant has no parameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **params}
    _one_of(chosen, "retrieval", get_args(Retrieval))
    _one_of(chosen, "answer", get_args(AnswerKind))
    for name in ("passages", "sentences"):
        _one_of(chosen, name, range(1, _MOST + 1))
    _one_of(chosen, "tokens", range(1, _MOST_TOKENS + 1))
    threshold = chosen["threshold"]
    number = isinstance(threshold, int | float) and 0 <= threshold <= 1
    if threshold != TUNED and not number:
        raise UsageError(f"threshold = {shown(threshold)}: allowed are '{TUNED}' and 0 to 1")
    return chosen


def _one_of(chosen: Params, name: str, allowed: Sequence[Scalar]) -> None:
    if chosen[name] not in allowed or isinstance(chosen[name], bool):
        whole = isinstance(allowed, range)
        listed = f"{allowed[0]} to {allowed[-1]}" if whole else ", ".join(map(str, allowed))
        raise UsageError(f"{name} = {shown(chosen[name])}: allowed are {listed}")
