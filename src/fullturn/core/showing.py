"""How a result is shown: in a terminal, in a notebook, as JSON, as a pandas table.

What a person should see of a result is written once, as blocks: lines, grids, and what to do next.
The command line prints them, a notebook gets them as HTML, and `next_steps` reads them. `view` has
one registration for each kind of result, beside the verb that returns it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Style = Literal["bold", "dim", "good", "bad", "open", "new"]
_CSS: Mapping[Style, str] = {
    "bold": "font-weight:bold",
    "dim": "opacity:.65",
    "good": "color:#15803d",
    "bad": "color:#b91c1c",
    "open": "color:#a16207",
    "new": "color:#0e7490",
}
_FRAME = "width:100%;height:{height}px;border:1px solid #8884;background:#fff"
MARKS: Mapping[str, tuple[str, Style]] = {
    "PASSED": ("✓", "good"),
    "FAILED": ("✗", "bad"),
    "INCONCLUSIVE": ("?", "open"),
    "NOT_APPLICABLE": ("-", "dim"),
}


@dataclass(frozen=True, slots=True)
class Styled:
    """A piece of text with its styles."""

    text: str
    styles: tuple[Style, ...]


Part = str | Styled
Cell = Part | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a paragraph. A `verbatim` one is to be copied: nothing in it is wrapped."""

    parts: tuple[Part, ...]
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under column names; a name that begins with '>' is of a right-aligned column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Next:
    """Commands that make sense now."""

    steps: tuple[str, ...]


Block = Line | Grid | Next


def styled(text: object, *styles: Style) -> Styled:
    """Text with these styles."""
    return Styled(str(text), styles)


def mark(outcome: str) -> Styled:
    """An outcome with its sign and colour."""
    sign, style = MARKS.get(outcome, (" ", "bold"))
    return styled(f"{sign} {outcome.lower().replace('_', ' ')}", style)


def line(*parts: Part | int) -> Line:
    """A line of these parts."""
    return Line(tuple(part if isinstance(part, Styled) else str(part) for part in parts))


def grid(columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> Grid:
    """A grid of these rows."""
    return Grid(tuple(columns), tuple(tuple(row) for row in rows))


def facts(found: Mapping[str, object]) -> Grid:
    """Names with their values, a line each; what is empty is marked `-`."""
    return grid(
        (">", ""),
        (
            (styled(name.replace("_", " "), "dim"), str(value or "-"))
            for name, value in found.items()
        ),
    )


def then(*steps: str) -> Next:
    """Commands that make sense now, the likeliest first."""
    return Next(steps)


class Result:
    """A frozen dataclass that a verb returns."""

    __slots__ = ()
    _rows: ClassVar[str] = ""
    """The field whose items are the rows of `to_pandas`; one row of all fields if not named."""

    def to_dict(self) -> Any:
        """What `--json` prints: dicts, lists, texts and numbers."""
        return by_field(self)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each item, nested names joined by dots."""
        import pandas as pd

        found = plain(getattr(self, self._rows)) if self._rows else [self.to_dict()]
        return pd.json_normalize(found)

    def to_html(self) -> str:
        """What a notebook shows: a piece of HTML, or a whole page."""
        return "".join(map(_html, view(self)))

    @property
    def next_steps(self) -> tuple[str, ...]:
        """Commands that make sense now, as the command line names them after "next:"."""
        return next((block.steps for block in view(self) if isinstance(block, Next)), ())

    @property
    def exit_code(self) -> int:
        """Of the command: 0 done or passed, 1 refused by evidence, 3 inconclusive, 4 unknown."""
        return 0

    def _repr_html_(self) -> str:
        return framed(self.to_html())


class Table(Result, tuple[T, ...]):
    """Results of one kind, in the order that the verb names: a tuple that can show itself."""

    __slots__ = ()

    def to_dict(self) -> Any:
        """What `--json` prints: a list."""
        return [plain(item) for item in self]

    def to_pandas(self) -> pd.DataFrame:
        """A row for each item, nested names joined by dots."""
        import pandas as pd

        return pd.json_normalize([plain(item) for item in self])


@singledispatch
def view(result: object) -> Iterable[Block]:
    """What a person should see of a result, in order; by default, its fields."""
    return [facts({name: str(value) for name, value in plain(result).items()})]


@view.register
def _(result: Table) -> Iterable[Block]:  # type: ignore[type-arg]
    rows = [plain(item) for item in result]
    if not rows:
        return []
    names = [name for name, value in rows[0].items() if not isinstance(value, dict | list)]
    return [grid(names, ([str(row[name]) for name in names] for row in rows))]


def by_field(value: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON has them."""
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON cannot express becomes text."""
    if isinstance(value, Result):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return by_field(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "model_dump"):  # settings
        return value.model_dump(mode="json")
    return value.tolist() if hasattr(value, "tolist") else str(value)


def to_json(value: Any) -> str:
    """A result as JSON on one line."""
    return json.dumps(plain(value), ensure_ascii=False)


def framed(text: str, height: int = 640) -> str:
    """HTML for a notebook: a whole page goes into a frame, so that its styles stay inside."""
    if not text.lstrip().lower().startswith("<!doctype"):
        return text
    frame = _FRAME.format(height=height)
    return f'<iframe srcdoc="{html.escape(text)}" style="{frame}" sandbox></iframe>'


def _html(block: Block) -> str:
    if isinstance(block, Grid):
        return _table(block)
    if isinstance(block, Next):
        steps = " · ".join(f"<code>{html.escape(step)}</code>" for step in block.steps)
        return f'<p><span style="{_CSS["dim"]}">next:</span> {steps}</p>\n'
    return f"<p>{''.join(map(_span, block.parts))}</p>\n"


def _table(block: Grid) -> str:
    right = [name.startswith(">") for name in block.columns]
    names = [name.lstrip(">") for name in block.columns]
    cells = "".join(_cells("th", names, right))
    head = f"<thead><tr>{cells}</tr></thead>\n" if any(names) else ""
    rows = "".join(f"<tr>{''.join(_cells('td', row, right))}</tr>\n" for row in block.rows)
    return f"<table>\n{head}<tbody>\n{rows}</tbody>\n</table>\n"


def _cells(tag: str, cells: Iterable[Cell], right: Iterable[bool]) -> Iterator[str]:
    for cell, aligned in zip(cells, right, strict=True):
        parts = cell if isinstance(cell, tuple) else (cell,)
        side = "right" if aligned else "left"
        yield f'<{tag} style="text-align:{side}">{"".join(map(_span, parts))}</{tag}>'


def _span(part: Part) -> str:
    if isinstance(part, str):
        return html.escape(part)
    css = ";".join(_CSS[style] for style in part.styles)
    return f'<span style="{css}">{html.escape(part.text)}</span>'
