"""Output for people (tables of at most 100 columns) or programs (JSON)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fullturn.core.redaction import redacted, redacted_values
from fullturn.core.showing import MARKS, Cell, Grid, Line, Style, plain, to_json, view
from fullturn.core.wording import visible, visible_json
from fullturn.pipeline.steps import STEPS_FILE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from fullturn.verbs.turn import Step
    from fullturn.verbs.workspace import Progress

WIDTH = 100
COLOURS: dict[Style, str] = {"good": "green", "bad": "red", "open": "yellow", "new": "cyan"}


def console(*, stderr: bool = False) -> Console:
    """A console no wider than 100 columns; plain when piped."""
    from rich.console import Console

    found = Console(stderr=stderr, highlight=False, soft_wrap=False)
    width = min(WIDTH, found.width) if found.is_terminal else WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def safe(text: str) -> str:
    """Text from anywhere as it may reach a terminal: no escape sequences, and no secrets."""
    return visible(redacted(text))


def say(text: str = "") -> None:
    """A line or paragraph with rich markup."""
    console().print(safe(text))


def say_note(sentence: str) -> None:
    """A note on stderr, which no program has to read."""
    print(f"note: {safe(sentence)}", file=sys.stderr)


def say_verbatim(text: str) -> None:
    """Text to be copied: not wrapped, and without markup."""
    print(safe(text))


def show(result: object, *, next_too: bool = True) -> None:
    """A result, block by block; with or without what to do next."""
    for block in view(result):
        if isinstance(block, Grid):
            table(block.columns, [[_text(cell) for cell in row] for row in block.rows])
        elif isinstance(block, Line):
            console().print(_text(block.parts), soft_wrap=block.verbatim)
        elif next_too:
            say_next(*block.steps)


def show_step(step: Step) -> None:
    """One step of a turn; the figures of a release were printed before."""
    show(replace(step, why="") if step.stage == "release" and step.done else step)


def _text(cell: Cell) -> Text:
    """A cell, or the parts of a line, in rich's colours."""
    from rich.text import Text

    parts = cell if isinstance(cell, tuple) else (cell,)
    pieces = (
        (safe(p), "") if isinstance(p, str) else (safe(p.text), _style(p.styles)) for p in parts
    )
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
        console().print(safe(f"  {step}"), soft_wrap=True)


def say_error(message: str, code: int, *, as_json: bool) -> None:
    """An error on stderr, or as JSON on stdout."""
    if as_json:
        say_json({"error": message, "exit_code": code})
        return
    from rich.text import Text

    screen = console(stderr=True)
    text = Text.assemble(("error: ", "bold red"), safe(message))
    screen.print(text, soft_wrap=not screen.is_terminal)


def say_json(value: Any) -> None:
    """Any record as JSON on one line; its texts are masked before they become JSON."""
    print(visible_json(to_json(redacted_values(plain(value), keys=True))))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str = "") -> None:
    """A table; a column whose name starts with '>' is right-aligned."""
    from rich.table import Table

    named = any(name.lstrip(">") for name in columns)
    grid = Table(
        title=safe(title) or None, title_justify="left", box=None, pad_edge=False, show_header=named
    )
    for number, name in enumerate(columns):
        right = name.startswith(">")
        justify: Any = "right" if right else "left"
        grid.add_column(
            safe(name.lstrip(">")), justify=justify, overflow="fold", no_wrap=number == 0
        )
    for row in rows:
        grid.add_row(*(safe(cell) if isinstance(cell, str) else cell for cell in row))
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


class TrainingLines(logging.Handler):
    """What a training command prints, on stderr, while it runs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line."""
        print(safe(record.getMessage()), file=sys.stderr)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress line on a terminal's stderr, nothing when piped; and what training prints."""
    log, lines = logging.getLogger("fullturn.train"), TrainingLines()
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    try:
        with _progress() as found:
            yield found
    finally:
        log.removeHandler(lines)


@contextmanager
def _progress() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        from fullturn.verbs.workspace import silent

        yield silent
        return
    with console(stderr=True).status("working") as status:

        def show(what: str, done: int, total: int) -> None:
            count = f" {done + 1} of {total}" if total > 1 and done < total else ""
            status.update(f"{safe(what)}{count}")

        yield show
