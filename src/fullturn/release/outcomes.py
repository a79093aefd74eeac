"""From the rows of anybody's table to the outcomes of two versions.

Three layouts. A row per request, with a column for each side: `id, champion, candidate`, or for
several guardrails `champion.errors, candidate.errors, …`. A row per answer, with its arm:
`arm, outcome` (canary: each answer is of one arm) or `id, arm, outcome` (shadow: rows with one id
are a pair). Nested JSON objects are read as names with dots.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fullturn.core.errors import DataError
from fullturn.core.wording import listed, nearest, shown
from fullturn.release.guardrails import WORDS
from fullturn.release.judging import Outcomes

OUTCOME = "outcome"
CHAMPIONS = ("champion", "baseline", "control", "stable", "primary")
CANDIDATES = ("candidate", "canary", "treatment", "shadow", "challenger")
"""Names of the two arms that are known without being named."""
_JOINS = (".", "_")
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_UNKNOWN = ("", "nan", "null", "none")


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Which columns a table of outcomes has.

    `champion` and `candidate` name columns, or the values of the column `arm`. Without `id` (None)
    every row is a request of its own, and repeated rows go unnoticed. `key` names the entity of an
    answer in a canary, such as a user: answers to one entity resemble each other.
    """

    champion: str = "champion"
    candidate: str = "candidate"
    id: str | None = "id"
    arm: str = "arm"
    key: str | None = None
    is_shadow: bool = False
    """Whether rows of an arm that have the same id answer the same request."""
    is_success: bool = False
    """Whether values are successes: 1 is good. By default they are errors or losses: 1 is bad."""


class Answered(NamedTuple):
    """What a row says. `champion` or `candidate` is None if the row is of the other arm."""

    id: str | None
    key: str | None
    champion: Outcomes | None
    candidate: Outcomes | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one table are read."""

    columns: PairColumns
    guardrails: Mapping[str, tuple[str, str]]
    """By guardrail, the columns of the champion and of the candidate; the same one in a table with
    arms."""
    has_arms: bool

    def read(self, row: Mapping[str, Any]) -> Answered | None:
        """What a row says; None if it is of neither arm.

        Raises:
            DataError: an outcome is not a number from 0 to 1.
        """
        cells, names = flat(row), self.columns
        number = _text(cells.get(names.id)) if names.id else None
        key = _text(cells.get(names.key)) if names.key else None
        sides = [
            {name: self._outcome(cells, pair[side]) for name, pair in self.guardrails.items()}
            for side in (0, 1)
        ]
        if not self.has_arms:
            return Answered(number, key, sides[0], sides[1])
        arm = _text(cells.get(names.arm))
        if arm in _aliases(names.champion, CHAMPIONS):
            return Answered(number, key, sides[0], None)
        if arm in _aliases(names.candidate, CANDIDATES):
            return Answered(number, key, None, sides[1])
        return None

    def _outcome(self, cells: Mapping[str, Any], column: str) -> float | None:
        value = _number(cells.get(column), column)
        return 1.0 - value if self.columns.is_success and value is not None else value


def layout(row: Mapping[str, Any], columns: PairColumns, guardrails: Sequence[str] = ()) -> Layout:
    """How a table is read whose first row is this one.

    `guardrails` are all that the columns offer if none is named.

    Raises:
        DataError: a column is missing; the message names those that are there.
    """
    names = list(flat(row))
    has_arms = columns.arm in names
    if has_arms:
        offered = {name: (name, name) for name in names if name in (OUTCOME, *WORDS, *guardrails)}
    else:
        offered = dict(_offered(names, columns))
    _check_guardrails(guardrails, offered, names, columns, has_arms)
    needs_id = columns.id is not None and (not has_arms or columns.is_shadow)
    for name, option in ((columns.id if needs_id else None, "--id"), (columns.key, "--key")):
        if name is not None and name not in names:
            own = ", or --no-id if each row is a request of its own" if option == "--id" else ""
            raise DataError(
                f"there is no column '{name}'{nearest(name, names)}; columns: {listed(names)}. "
                f"Name it with {option} COLUMN{own}"
            )
    return Layout(columns, {name: offered[name] for name in guardrails or offered}, has_arms)


def _check_guardrails(
    wanted: Sequence[str],
    offered: Mapping[str, tuple[str, str]],
    names: Sequence[str],
    columns: PairColumns,
    has_arms: bool,
) -> None:
    missing = [name for name in wanted if name not in offered]
    if offered and not missing:
        return
    if has_arms:
        needed = missing[0] if missing else OUTCOME
        hint = "name the columns of outcomes with --guardrail COLUMN"
    else:
        part = "" if not missing or missing[0] == OUTCOME else f".{missing[0]}"
        sides = (f"{columns.champion}{part}", f"{columns.candidate}{part}")
        needed = next((name for name in sides if name not in names), sides[1])
        hint = "name the two sides with --champion COLUMN and --candidate COLUMN"
    raise DataError(
        f"there is no column '{needed}'{nearest(needed, names)}; columns: {listed(names)}. {hint}"
    )


def _offered(names: Sequence[str], columns: PairColumns) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every guardrail that both sides have a column for."""
    if columns.champion in names and columns.candidate in names:
        yield OUTCOME, (columns.champion, columns.candidate)
    for name in names:
        for join in _JOINS:
            start = f"{columns.champion}{join}"
            other = f"{columns.candidate}{join}{name[len(start) :]}"
            if name.startswith(start) and other in names:
                yield name[len(start) :], (name, other)


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The cells of a row; those of a nested object have names with dots."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            cells |= flat(value, f"{prefix}{name}.")
        else:
            cells[f"{prefix}{name}"] = value
    return cells


def _aliases(name: str, known: Sequence[str]) -> Sequence[str]:
    """Names of an arm: the known ones, unless another was chosen."""
    return known if name == known[0] else (name,)


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _number(value: Any, column: str) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _UNKNOWN):
        return None
    try:
        number = _TRUTH.get(str(value).strip().lower())
        number = float(value) if number is None else number
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"'{column}' is {shown(value)}, not a number from 0 to 1") from None
    if math.isnan(number):
        return None
    if not 0 <= number <= 1:
        raise DataError(
            f"'{column}' is {shown(value)}, outside 0 to 1; divide it by the largest loss that "
            "matters, and clip it at 1"
        )
    return number
