"""How columns of the newest requests differ from the reference: figures for a diagnosis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fullturn.core.entities import Change
from fullturn.core.wording import shown
from fullturn.monitoring.columns import Watched
from fullturn.statistics.inputs import Floats

STRONG = 4.0
"""Standard errors from which on a difference is listed: hardly chance with tens of figures."""
_ALARMED = 2.0
"""Enough in a column whose own detector alarmed, which shows that something changed."""
NULLS = 0.1
"""A share of missing values larger by this is a fault of the pipeline."""
_CONSTANT = 0.9
"""Share of one value that makes a column constant, if it was at most half of that before."""
_CUT = 0.2
"""Share of texts of exactly the greatest length from which on texts count as cut."""
_FACTOR = 3.0
"""A ratio between units is at least this large, or as small."""
_SAME_SHAPE = 0.5
"""The ratios of the quartiles differ by at most this share of the middle one."""
_QUARTILES = (0.25, 0.5, 0.75)


def changes(
    column: Watched, before: Sequence[Any], after: Sequence[Any], *, alarmed: bool = False
) -> list[Change]:
    """What differs clearly between two lists of values (`Watched.values`); may be nothing.

    A difference that its figures do not show, such as of the tails around one median, is left out.

    `alarmed`: the column's own detector has shown that it changed, however few rows there are.
    """
    if not (before and after):
        return []
    found = [change for test in _TESTS[column.kind] for change in test(column, before, after)]
    least = _ALARMED if alarmed else STRONG
    strong = [one for one in found if one.strength >= least or (alarmed and one.broken)]
    return [one for one in strong if figure(one.before) != figure(one.after)]


def figure(value: float) -> str:
    """A figure for people: a small number to three digits, a large one without fractions."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share for people: as `figure`, so that what differs there differs here."""
    return f"{figure(100 * share)}%"


def proportions(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The distance of two shares (hits, rows), in standard errors; half a hit is added."""
    (x, m), (y, n) = before, after
    pooled = (x + y + 1) / (m + n + 2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    return (y / n - x / m) / error


_NOTHING = (None, "", math.inf)
Test = Callable[[Watched, Sequence[Any], Sequence[Any]], Iterator[Change]]


def _missing(column: Watched, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    x, y = (sum(value in _NOTHING for value in some) for some in (before, after))
    was, share = x / len(before), y / len(after)
    if share > was:
        yield Change(
            column.name,
            "share of nulls",
            was,
            share,
            proportions((x, len(before)), (y, len(after))),
            column.side == "input" and share - was >= NULLS,
            f"'{column.column}' is missing in {percent(share)} of requests, before in "
            f"{percent(was)}",
        )


def _location(column: Watched, before: Sequence[float], after: Sequence[float]) -> Iterator[Change]:
    x, y = _finite(before), _finite(after)
    if not (x.size and y.size):
        return
    low, high = float(np.median(x)), float(np.median(y))
    of = "the length of " if column.kind == "length" else ""
    says = f"{of}'{column.column}' has a median of {figure(high)}, before {figure(low)}"
    ratio = _unit_ratio(x, y) if column.side == "input" and column.kind == "number" else None
    if ratio is not None:
        says += f": every value is about {ratio:.3g} times what it was, as if the unit had changed"
    strength = abs(_rank_sum(x, y))
    yield Change(column.name, "median", low, high, strength, ratio is not None, says)


def _unit_ratio(x: Floats, y: Floats) -> float | None:
    """The ratio of the medians, if it is large and only the unit seems to have changed; else None.

    With few rows quartiles say little: all values must then lie outside the old ones, and be
    spread no wider, as ratios.
    """
    signs = np.sign([x.min(), x.max(), y.min(), y.max()])
    if y.size < 3 or not (signs == signs[0]).all() or not signs[0]:
        return None
    logs, before = np.log(np.abs(y)), np.log(np.abs(x))
    middle = float(np.exp(np.median(logs) - np.median(before)))
    if max(middle, 1 / middle) < _FACTOR:
        return None
    is_disjoint = logs.min() > before.max() or logs.max() < before.min()
    ratios = np.exp(np.quantile(logs, _QUARTILES) - np.quantile(before, _QUARTILES))
    alike = y.size >= 20 and np.ptp(ratios) <= _SAME_SHAPE * middle
    return middle if alike or (is_disjoint and np.ptp(logs) <= np.ptp(before)) else None


def _constant(column: Watched, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    """An input that had many values and now has one; missing ones are left to `_missing`."""
    value, hits = Counter(after).most_common(1)[0]
    m, n, was = len(before), len(after), sum(one == value for one in before)
    if column.side == "output" or n < 5 or value in _NOTHING:
        return
    if hits / n >= _CONSTANT and was / m <= _CONSTANT / 2:
        strength = proportions((was, m), (hits, n))
        what = f"share of {shown(value)}"
        says = f"'{column.column}' is {shown(value)} in {percent(hits / n)}, before "
        says += f"{percent(was / m)}: it has become constant"
        yield Change(column.name, what, was / m, hits / n, strength, True, says)


def _shares(column: Watched, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    """The category whose share moved most."""
    x, y = Counter(before), Counter(after)
    m, n = len(before), len(after)
    moves = {value: proportions((x[value], m), (y[value], n)) for value in y | x}
    value = max(moves, key=lambda name: (abs(moves[name]), str(name)))
    was, share = x[value] / m, y[value] / n
    says = f"'{column.column}' is {shown(value)} in {percent(share)}, before {percent(was)}"
    yield Change(
        column.name,
        f"share of {shown(value)}",
        was,
        share,
        abs(moves[value]),
        False,
        says if x[value] else f"{says}: it is new",
    )


def _cut(column: Watched, before: Sequence[float], after: Sequence[float]) -> Iterator[Change]:
    """Texts that end at the same length: something cuts them."""
    x, y = _finite(before), _finite(after)
    if column.side == "output" or y.size < 5 or not x.size:
        return
    most = y.max()
    hits, longer = int((y == most).sum()), int((x >= most).sum())
    if hits / y.size >= _CUT and longer / x.size >= _CUT and np.ptp(x) > 0:
        same = int((x == most).sum())
        strength = proportions((same, x.size), (hits, y.size))
        share, was = hits / y.size, same / x.size
        says = f"'{column.column}' ends at {most:g} characters in {percent(share)}: it is cut off"
        yield Change(column.name, f"share of length {most:g}", was, share, strength, True, says)


_TESTS: dict[str, tuple[Test, ...]] = {
    "number": (_missing, _constant, _location),
    "category": (_missing, _constant, _shares),
    "text": (_missing,),
    "length": (_cut, _location),
}


def _finite(values: Sequence[float]) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def _rank_sum(x: Floats, y: Floats) -> float:
    """Mann and Whitney's statistic in standard errors, with their correction for ties."""
    both = np.concatenate([x, y])
    n = both.size
    _, places, counts = np.unique(both, return_inverse=True, return_counts=True)
    ties = counts.astype(np.float64)
    spread = (n + 1) - float((ties**3 - ties).sum()) / (n * (n - 1))
    if spread <= 1e-9:
        return 0.0
    ranks = (ties.cumsum() - (ties - 1) / 2)[places]
    excess = float(ranks[x.size :].sum()) - y.size * (n + 1) / 2
    return excess / math.sqrt(x.size * y.size / 12 * spread)
