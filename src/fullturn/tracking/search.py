"""Which parameters to try."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import UsageError


def complete(defaults: Params, chosen: Params) -> dict[str, Scalar]:
    """The defaults, overridden.

    Raises:
        UsageError: a chosen parameter is not among the defaults.
    """
    unknown = sorted(chosen.keys() - defaults.keys())
    if unknown:
        known = ", ".join(sorted(defaults))
        raise UsageError(f"unknown parameter '{unknown[0]}'; this app has: {known}")
    return {**defaults, **chosen}


def candidates(
    defaults: Params, space: Mapping[str, Sequence[Scalar]], count: int, seed: int
) -> list[dict[str, Scalar]]:
    """Up to `count` different sets of parameters: the defaults first, then drawn at random."""
    if count < 1:
        raise UsageError(f"a search needs at least 1 candidate, not {count}")
    size = math.prod(len(values) for values in space.values())
    drawn = _all(space) if size <= 10_000 else _random(space, seed, 20 * count)
    others = [{**defaults, **point} for point in drawn]
    random.Random(seed).shuffle(others)
    unique = {repr(sorted(point.items())): point for point in [dict(defaults), *others]}
    return list(unique.values())[:count]


def _all(space: Mapping[str, Sequence[Scalar]]) -> Iterator[dict[str, Scalar]]:
    for values in itertools.product(*space.values()):
        yield dict(zip(space, values, strict=True))


def _random(
    space: Mapping[str, Sequence[Scalar]], seed: int, count: int
) -> Iterator[dict[str, Scalar]]:
    source = random.Random(seed)
    for _ in range(count):
        yield {name: source.choice(list(values)) for name, values in space.items()}
