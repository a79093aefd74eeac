"""The classifier's parameters, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import UsageError
from fullturn.core.wording import shown

LONGEST = 7
"""Bytes of an n-gram at most: with a leading 1 they fill an int64."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is fitted.

    `penalty` is the ridge's; `gamma` the Gaussian's; `ngrams` the weight of like wording
    against like meaning; `shortest` and `longest` bound n-grams in bytes.
    """

    penalty: float
    gamma: float
    ngrams: float
    shortest: int
    longest: int


DEFAULTS: Params = {
    "penalty": 0.2,
    "gamma": 1.5,
    "ngrams": 0.5,
    "shortest": 3,
    "longest": 5,
    "max_rows": 12_000,
}
"""Those of `Recipe`, and `max_rows`: of more train rows, so many are drawn at random."""

SPACE: Mapping[str, Sequence[Scalar]] = {
    "penalty": (0.05, 0.1, 0.2, 0.4),
    "gamma": (1.0, 1.5, 2.0),
    "ngrams": (0.0, 0.3, 0.5, 1.0),
    "longest": (4, 5, 6),
}


class _Bounds(NamedTuple):
    kind: type[int] | type[float]
    least: float
    most: float


_BOUNDS: Mapping[str, _Bounds] = {
    "penalty": _Bounds(float, 1e-3, 1e3),
    "gamma": _Bounds(float, 0, 100),
    "ngrams": _Bounds(float, 0, 100),
    "shortest": _Bounds(int, 1, LONGEST),
    "longest": _Bounds(int, 1, LONGEST),
    "max_rows": _Bounds(int, 2, 50_000),
}


def parse(params: Params) -> tuple[Recipe, int]:
    """The recipe, and how many rows may be used at most; defaults where nothing is given.

    Raises:
        UsageError: a parameter is unknown, of another type, or out of bounds.
    """
    unknown = sorted(params.keys() - DEFAULTS.keys())
    if unknown:
        raise UsageError(
            f"the classifier has no parameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **params}
    for name, bounds in _BOUNDS.items():
        _check(name, chosen[name], bounds)
    most = int(chosen.pop("max_rows"))
    if chosen["shortest"] > chosen["longest"]:  # type: ignore[operator]
        raise UsageError(
            f"shortest = {chosen['shortest']} is above longest = {chosen['longest']}; lower it"
        )
    return Recipe(**chosen), most  # type: ignore[arg-type]


def _check(name: str, value: Scalar, bounds: _Bounds) -> None:
    fits = isinstance(value, int if bounds.kind is int else int | float)
    if isinstance(value, bool | str) or not fits or not bounds.least <= value <= bounds.most:
        raise UsageError(
            f"{name} = {shown(value)}: allowed is {bounds.kind.__name__}, "
            f"{bounds.least:g} to {bounds.most:g}"
        )
