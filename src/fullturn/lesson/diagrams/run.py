"""What a run holds: all that went in, and all that came out."""

from __future__ import annotations

from fullturn.lesson.diagrams.svg import AGAIN, DATA, DEPLOY, DIM, TRAIN, Drawing

IN = ("code: Git commit", "data: content digest", "environment: digest", "parameters and seed")
OUT = ("scores with intervals", "every row, scored", "the model's digest")


def run(number: str) -> Drawing:
    """Inputs at the left, results at the right; `number` is a real run's id."""
    drawing = Drawing(
        1152, 300, "What a run records",
        f"Into the run go {', '.join(IN)}. Out of it come {', '.join(OUT)}.",
    )  # fmt: skip
    for place, words in enumerate(IN):
        y = 2 + place * 76
        drawing.box((0, y), (376, 62), [(words, "say")], edge=DATA)
        drawing.line([(376, y + 31), (480, 100 + place * 33)], stroke=DIM, arrow=True)
    drawing.box((484, 76), (184, 148), [("run", "name"), (number, "code")], edge=DEPLOY)
    for place, words in enumerate(OUT):
        y = 24 + place * 92
        drawing.line([(668, 116 + place * 34), (772, y + 31)], stroke=DIM, arrow=True)
        drawing.box((776, y), (376, 62), [(words, "say")], edge=(AGAIN if place < 2 else TRAIN))
    return drawing
