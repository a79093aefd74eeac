"""Numbers as people write them in CSV files: with a decimal comma, or separators of thousands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from fullturn.core.spelling import MISSING
from fullturn.core.wording import shown

Thousands = Literal[",", " ", "'"]
NEARLY_ALL = 0.95
"""The share of cells that makes a column one of numbers, although some differ."""
_SPACES = "[ \u00a0\u202f]"
_GROUP = {",": ",", " ": _SPACES, "'": "['\u2019]"}
_DOTTED = re.compile(rf"[+-]?\d{{1,3}}((\.|{_SPACES})\d{{3}})+")
_COMMA = re.compile(rf"[+-]?(\d{{1,3}}((\.|{_SPACES})\d{{3}})+|\d+),\d+")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPED = {
    mark: re.compile(rf"[+-]?\d{{1,3}}({group}\d{{3}})+(\.\d+)?") for mark, group in _GROUP.items()
}
_NO_DIGIT = re.compile(r"[^\d,.+-]")


class Numerals(NamedTuple):
    """How the numbers of a file are written; the first two are settings of [data]."""

    decimal: Literal[".", ","] = "."
    thousands: Thousands | None = None
    why: str = ""
    """The column and a cell that say so."""

    @property
    def is_usual(self) -> bool:
        """Whether numbers are written as Python reads them."""
        return self.decimal == "." and self.thousands is None

    def reader(self, cells: Sequence[str]) -> Callable[[str], str]:
        """What makes a cell of this column a number that Python reads; others stay as they are."""
        if self.decimal == ",":
            forms = [_COMMA, _DOTTED] if any(map(_has_comma, cells)) else []
            return lambda cell: _with_point(cell) if _matches(forms, cell) else cell
        forms = [_GROUPED[self.thousands or ","]]
        return lambda cell: _without_marks(cell) if _matches(forms, cell) else cell


_NUMERALS = {
    ",": Numerals(","),
    ",000": Numerals(thousands=","),
    " 000": Numerals(thousands=" "),
    "'000": Numerals(thousands="'"),
}


def infer(columns: Mapping[str, Iterable[object]], separator: str | None) -> Numerals:
    """How the numbers of these columns are written, by name; `separator` is that between cells,
    and decides where each number could be either, such as `1,234`."""
    found: dict[str, tuple[frozenset[str], str]] = {}
    for name, cells in columns.items():
        if read := _readings(cells):
            found[name] = read
    votes = Counter(next(iter(marks)) for marks, _ in found.values() if len(marks) == 1)
    either = "," if separator == ";" else ",000"
    mark = votes.most_common(1)[0][0] if votes else either
    saying = [(name, cell) for name, (marks, cell) in found.items() if mark in marks]
    if not saying:
        return Numerals()
    why = f"'{saying[0][0]}' has {shown(saying[0][1])}"
    if not votes:
        why += f", and cells are {'' if separator == ';' else 'not '}separated by semicolons"
    return _NUMERALS[mark]._replace(why=why)


def _readings(cells: Iterable[object]) -> tuple[frozenset[str], str] | None:
    """How a column of numbers may be read: `,` for a decimal comma, `,000` for thousands, with a
    cell; None if it is none, or needs no reading."""
    counted = Counter(cell.strip() for cell in cells if isinstance(cell, str))
    odd = Counter(
        {
            cell: count
            for cell, count in counted.items()
            if cell and cell.lower() not in MISSING and not _PLAIN.fullmatch(cell)
        }
    )
    if not odd or not any(cell[-1].isdigit() for cell in odd):
        return None
    filled = sum(n for cell, n in counted.items() if cell and cell.lower() not in MISSING)
    possible = {",": [_COMMA, _DOTTED]} | {f"{mark}000": [one] for mark, one in _GROUPED.items()}
    fitting: dict[str, Counter[str]] = {}
    for mark, forms in possible.items():
        fits = Counter({cell: n for cell, n in odd.items() if _matches(forms, cell)})
        rest = odd.total() - fits.total()
        if fits and rest <= (1 - NEARLY_ALL) * filled:
            fitting[mark] = fits
    if "," in fitting and not any(map(_has_comma, fitting[","])):
        del fitting[","]  # points alone say nothing
    if not fitting:
        return None
    return frozenset(fitting), next(iter(next(iter(fitting.values()))))


def _matches(forms: Iterable[re.Pattern[str]], cell: str) -> bool:
    return any(form.fullmatch(cell.strip()) for form in forms)


def _has_comma(cell: str) -> bool:
    return _COMMA.fullmatch(cell.strip()) is not None


def _with_point(cell: str) -> str:
    return _NO_DIGIT.sub("", cell).replace(".", "").replace(",", ".")


def _without_marks(cell: str) -> str:
    return _NO_DIGIT.sub("", cell).replace(",", "")
