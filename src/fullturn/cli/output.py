"""Output for people (tables of at most 100 columns) or programs (JSON)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fullturn.core.showing import MARKS, Cell, Grid, Line, Style, to_json, view
from fullturn.pipeline.steps import STEPS_FILE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from fullturn.verbs.workspace import Progress

WIDTH = 100
COLOURS: dict[Style, str] = {"good": "green", "bad": "red", "open": "yellow", "new": "cyan"}


def console(*, stderr: bool = False) -> Console:
    """A console no wider than 100 columns; plain when piped."""
    from rich.console import Console

    found = Console(stderr=stderr, highlight=False, soft_wrap=False)
    width = min(WIDTH, found.width) if found.is_terminal else WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def say(text: str = "") -> None:
    """A line or paragraph with rich markup."""
    console().print(text)


def show(result: object, *, next_too: bool = True) -> None:
    """A result, block by block; with or without what to do next."""
    for block in view(result):
        if isinstance(block, Grid):
            table(block.columns, [[_text(cell) for cell in row] for row in block.rows])
        elif isinstance(block, Line):
            console().print(_text(block.parts), soft_wrap=block.verbatim)
        elif next_too:
            say_next(*block.steps)


def _text(cell: Cell) -> Text:
    """A cell, or the parts of a line, in rich's colours."""
    from rich.text import Text

    parts = cell if isinstance(cell, tuple) else (cell,)
    pieces = ((p, "") if isinstance(p, str) else (p.text, _style(p.styles)) for p in parts)
    return Text.assemble(*pieces)


def _style(styles: Sequence[Style]) -> str:
    return " ".join(COLOURS.get(style, style) for style in styles)


def say_next(*steps: str) -> None:
    """Suggested next commands; nothing in a pipeline."""
    if os.environ.get(STEPS_FILE):
        return
    line = "  ·  ".join(steps)
    if len(line) <= WIDTH - 6:
        say(f"[dim]next:[/dim] {line}")
        return
    say("[dim]next:[/dim]")
    for step in steps:  # one per line, unwrapped, so that they can be copied
        console().print(f"  {step}", soft_wrap=True)


def say_error(message: str, code: int, *, as_json: bool) -> None:
    """An error on stderr, or as JSON on stdout."""
    if as_json:
        print(json.dumps({"error": message, "exit_code": code}))
        return
    from rich.text import Text

    screen = console(stderr=True)
    text = Text.assemble(("error: ", "bold red"), message)
    screen.print(text, soft_wrap=not screen.is_terminal)


def say_json(value: Any) -> None:
    """Any record as JSON on one line."""
    print(to_json(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str = "") -> None:
    """A table; a column whose name starts with '>' is right-aligned."""
    from rich.table import Table

    named = any(name.lstrip(">") for name in columns)
    grid = Table(
        title=title or None, title_justify="left", box=None, pad_edge=False, show_header=named
    )
    for number, name in enumerate(columns):
        right = name.startswith(">")
        justify: Any = "right" if right else "left"
        grid.add_column(name.lstrip(">"), justify=justify, overflow="fold", no_wrap=number == 0)
    for row in rows:
        grid.add_row(*row)
    console().print(grid)


def escape(text: object) -> str:
    """Text with markup escaped."""
    from rich.markup import escape as escaped

    return escaped(str(text))


def mark(outcome: str) -> str:
    """An outcome with a symbol and a colour."""
    sign, style = MARKS.get(outcome, (" ", "bold"))
    colour = COLOURS.get(style, style)
    return f"[{colour}]{sign} {outcome.lower().replace('_', ' ')}[/{colour}]"


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress line on a terminal's stderr; nothing when piped."""
    if not sys.stderr.isatty():
        from fullturn.verbs.workspace import silent

        yield silent
        return
    with console(stderr=True).status("working") as status:

        def show(what: str, done: int, total: int) -> None:
            status.update(
                f"{what}" + (f" {done + 1} of {total}" if total > 1 and done < total else "")
            )

        yield show
