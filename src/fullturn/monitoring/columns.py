"""Which columns of requests and answers are watched, and how a cell becomes a value to rank."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fullturn.core.entities import Contract, Input, Output, ScoredRow

Kind = Literal["number", "category", "text", "length"]
Side = Literal["input", "output"]
CONFIDENCE = "confidence"
ABSTAINED = "abstained"
MISSING = math.inf
"""A missing number: it ranks above all others."""
_FEW = 20
"""Text outputs with more distinct values than this are not classes."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A column, and which of its properties is watched."""

    side: Side
    column: str
    kind: Kind

    @property
    def name(self) -> str:
        """Also the detector's: `input.age`, `input.question.length`, `output.label`."""
        return f"{self.side}.{self.column}" + (".length" if self.kind == "length" else "")

    def values(self, cells: Iterable[Input | Output]) -> list[Any]:
        """A value for each row; a cell that is missing or of another type never fails."""
        read, column = READ[self.kind], self.column
        return [read(cell.get(column)) for cell in cells]


def watched(contract: Contract, reference: Sequence[ScoredRow]) -> tuple[Watched, ...]:
    """Every input column, and every output of a kind that can be watched.

    Of texts, content and length are watched; of lists in an output the length, if it
    varies. Dates, objects, and lists of objects are not watched: dates move on by themselves, and
    so does a time of numbers.
    """
    columns = [one for one in contract.columns if one.role == "input" and not one.orders_rows]
    kinds: dict[str, tuple[Kind, ...]] = {
        "number": ("number",),
        "category": ("category",),
        "text": ("text", "length"),
        "boolean": ("category",),
        "date": (),
        "json": ("length",),
    }
    inputs = [Watched("input", c.name, kind) for c in columns for kind in kinds[c.kind]]
    names = dict.fromkeys(name for row in reference for name in row.output)
    outputs = [(name, _output_kind([row.output.get(name) for row in reference])) for name in names]
    return (*inputs, *(Watched("output", name, kind) for name, kind in outputs if kind))


def as_number(cell: Any) -> float:
    """A finite number, or infinity for anything else."""
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return MISSING
    return number if math.isfinite(number) else MISSING


def as_category(cell: Any) -> str | None:
    """The category as text; None for a missing one, which is a category of its own."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return None if cell is None or cell == "" else str(cell)


def as_text(cell: Any) -> str:
    """The text; empty for a missing one."""
    return "" if cell is None else str(cell)


def as_length(cell: Any) -> float:
    """Characters of a text or entries of a list; infinity for a missing one."""
    if cell is None:
        return MISSING
    return float(len(cell if isinstance(cell, str | list | tuple | dict) else str(cell)))


READ: dict[Kind, Callable[[Any], Any]] = {
    "number": as_number,
    "category": as_category,
    "text": as_text,
    "length": as_length,
}


def _output_kind(cells: Sequence[Any]) -> Kind | None:
    found = [cell for cell in cells if cell is not None]
    if not found:
        return None
    if all(isinstance(cell, bool) for cell in found):
        return "category"
    if all(isinstance(cell, int | float) for cell in found):
        return "number"
    if all(isinstance(cell, str) for cell in found):
        return "category" if _classes(found) else "length"
    if all(isinstance(cell, list | tuple) for cell in found):
        plain = not any(isinstance(entry, dict | list) for cell in found for entry in cell)
        return "length" if plain and len(set(map(len, found))) > 1 else None
    return None


def _classes(texts: Sequence[str]) -> bool:
    """Whether the texts are names of classes, not sentences: few, or each used again and again."""
    distinct = len(set(texts))
    return distinct <= min(_FEW, len(texts) // 2) or distinct <= len(texts) / 10
