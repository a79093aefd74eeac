"""The way from an answer to everything that made it."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.lesson.diagrams.svg import AGAIN, DATA, DEPLOY, DIM, TRAIN, WATCH, Drawing

COLOURS = (WATCH, AGAIN, DEPLOY, TRAIN, DATA, AGAIN)


def lineage(steps: Sequence[tuple[str, str]]) -> Drawing:
    """Six steps, each with its name and its id."""
    about = ", then ".join(f"{name} {number}" for name, number in steps)
    drawing = Drawing(1152, 298, "One id leads everywhere", f"From an answer: {about}.")
    for place, ((name, number), colour) in enumerate(zip(steps, COLOURS, strict=True)):
        row, column = divmod(place, 3)
        x, y = 400.0 * column, 2.0 + 178 * row
        drawing.box((x, y), (352, 116), [(name, "name"), (number, "code")], edge=colour)
        if column < 2:
            drawing.line([(x + 352, y + 58), (x + 396, y + 58)], stroke=DIM, arrow=True)
    drawing.line([(1100, 118), (1100, 150), (60, 150), (60, 176)], stroke=DIM, arrow=True)
    return drawing
