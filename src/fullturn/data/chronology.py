"""Splits by time: the latest rows are the test rows, those before them the validation rows.

That is how a model is used: it answers what comes after its training. Rows of one group stay
together, at the time of the group's last row; rows of one moment stay together where the moments
are enough for all splits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from fullturn.core.errors import DataError
from fullturn.core.spelling import moment
from fullturn.core.wording import shown
from fullturn.data.rows import Row

_ORDER = ("train", "validation", "test")


def times_of(rows: Sequence[Row], column: str) -> list[float]:
    """The time of each row: a number, or the seconds since 1970 of a date.

    Raises:
        DataError: it is the same in every row, so that it orders nothing.
    """
    known = {value: _seconds(value, column) for value in {row[column] for row in rows}}
    if len(set(known.values())) < 2:
        value = next(iter(known), None)
        raise DataError(
            f"the time column '{column}' does not order the rows: it is {shown(value)} in every "
            "row; name another column as [data] time, or none to split by chance"
        )
    return [known[row[column]] for row in rows]


def _seconds(value: object, column: str) -> float:
    if isinstance(value, float):
        return value
    try:
        return moment(str(value)).timestamp()
    except ValueError:
        raise DataError(
            f"the time column '{column}' has {shown(value)}, neither a date nor a number: it does "
            "not order the rows; write dates as YYYY-MM-DD, or name another column as [data] time"
        ) from None


def chosen_by_time(
    groups: Sequence[str], times: Sequence[float], shares: Mapping[str, float]
) -> dict[str, str]:
    """The split of every group, given the group and the time of each row; shares sum to 1."""
    last: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for name, time in zip(groups, times, strict=True):
        last[name] = max(time, last.get(name, time))
        sizes[name] = sizes.get(name, 0) + 1
    order = sorted(last, key=lambda name: (last[name], name))
    splits = [split for split in _ORDER if split in shares]
    cuts = _cuts([sizes[name] for name in order], [last[name] for name in order], shares, splits)
    return {
        name: split
        for split, start, end in zip(splits, [0, *cuts], [*cuts, len(order)], strict=True)
        for name in order[start:end]
    }


def _cuts(
    sizes: Sequence[int], times: Sequence[float], shares: Mapping[str, float], splits: Sequence[str]
) -> list[int]:
    """How many groups are before the end of each split but the last."""
    ends = list(accumulate(sizes))
    changes = [place for place in range(1, len(times)) if times[place] != times[place - 1]]
    cuts: list[int] = []
    latest = len(times)
    share_after = 0.0
    for split in reversed(splits[1:]):  # the test split first: it matters most
        share_after += shares[split]
        before = splits.index(split) - 1
        target = (1 - share_after) * ends[-1]
        possible = [place for place in changes if place < latest][before:]
        if not possible:
            possible = list(range(before + 1, latest)) or [latest]
        latest = _nearest(possible, ends, target)
        cuts.insert(0, latest)
    return cuts


def _nearest(places: Sequence[int], ends: Sequence[int], target: float) -> int:
    at = bisect_left(places, target, key=lambda place: ends[place - 1])
    around = places[max(0, at - 1) : at + 1]
    return min(around, key=lambda place: abs(ends[place - 1] - target))


def periods_of(rows: Sequence[Row], column: str, split: str) -> dict[str, tuple[str, str]]:
    """The first and the last time of each split, as they are stored."""
    found: dict[str, tuple[str, str]] = {}
    for name in _ORDER:
        values = [row[column] for row in rows if row[split] == name]
        if values:
            ends = (f(values, key=lambda value: _seconds(value, column)) for f in (min, max))
            first, last = (f"{v:g}" if isinstance(v, float) else str(v) for v in ends)
            found[name] = (first, last)
    return found


_PARTS = 4
"""Periods of a test split that is ordered by numbers."""


def period_names(values: Sequence[str | float], test: Sequence[str | float]) -> list[str]:
    """The period of each time: years, quarters, months, weeks or days, whichever makes some of the
    `test` times; of numbers, ranges of about equally many distinct ones."""
    if not test:
        return [str(value) for value in values]
    if all(isinstance(value, float) for value in (*values, *test)):
        return _ranges([float(value) for value in values], [float(value) for value in test])
    known = {value: moment(str(value)) for value in {*values, *test}}
    moments = [known[value] for value in test]
    days = (max(moments) - min(moments)).days
    return [_calendar(known[value], days) for value in values]


def _calendar(at: datetime, days: int) -> str:
    if days > 3 * 366:
        return f"{at.year}"
    if days > 300:
        return f"{at.year} Q{(at.month + 2) // 3}"
    return at.strftime("%Y-%m" if days > 45 else "%G week %V" if days > 10 else "%Y-%m-%d")


def _ranges(values: Sequence[float], test: Sequence[float]) -> list[str]:
    different = sorted(set(test))
    size = -(-len(different) // _PARTS)
    parts = [different[start : start + size] for start in range(0, len(different), size)]
    names = [f"{one[0]:g} to {one[-1]:g}" if len(one) > 1 else f"{one[0]:g}" for one in parts]
    starts = [one[0] for one in parts]
    before = f"before {different[0]:g}"
    return [names[at - 1] if (at := bisect_right(starts, value)) else before for value in values]
