"""The pipeline, as `fullturn ci` and `fullturn cd` run it."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.lesson.diagrams.svg import AGAIN, DEPLOY, DIM, SMALL, TRAIN, Drawing
from fullturn.pipeline.steps import DELIVER, EVALUATE, Step

WIDE, HIGH, GAP = 262.0, 92.0, 34.0
ABOUT = {
    "code": "which commit",
    "tests": "your own tests",
    "base": "compared with what",
    "data": "contract, version",
    "train": "the candidate",
    "gate": "against champion",
    "report": "on the pull request",
    "register": "a model version",
    "release": "shadow, canary",
}
"""In fewer words than the declaration's own."""


def pipeline() -> Drawing:
    """Its steps in order; those of `cd` after those of `ci`."""
    names = ", ".join(step.name for step in EVALUATE)
    later = ", ".join(step.name for step in DELIVER)
    drawing = Drawing(
        1152, 452, "The pipeline",
        f"fullturn ci runs {names}, and changes nothing that users see. fullturn cd runs the same, "
        f"then {later}.",
    )  # fmt: skip
    _row(drawing, EVALUATE[:4], 42, TRAIN, more=True)
    _row(drawing, EVALUATE[4:], 180, TRAIN, more=False)
    drawing.text((0, 24), "fullturn ci", size=SMALL, fill=TRAIN, anchor="start", mono=True)
    drawing.text((186, 24), "on every pull request; users see nothing of it", size=SMALL,
                 fill=DIM, anchor="start")  # fmt: skip
    drawing.text((0, 326), "fullturn cd", size=SMALL, fill=DEPLOY, anchor="start", mono=True)
    drawing.text((186, 326), "after the merge: the same steps, then", size=SMALL, fill=DIM,
                 anchor="start")  # fmt: skip
    _row(drawing, DELIVER, 346, DEPLOY, more=False)
    x = 2 * (WIDE + GAP)
    drawing.line([(x - GAP, 392), (x - 4, 392)], stroke=DIM, arrow=True)
    drawing.box((x, 346), (WIDE, HIGH), [("champion", "name"), ("or back, by itself", "small")],
                edge=AGAIN)  # fmt: skip
    return drawing


def _row(drawing: Drawing, steps: Sequence[Step], y: float, colour: str, *, more: bool) -> None:
    for place, step in enumerate(steps):
        x = place * (WIDE + GAP)
        lines = [(step.name, "name"), (ABOUT[step.name], "small")]
        drawing.box((x, y), (WIDE, HIGH), lines, edge=colour)
        if place < len(steps) - 1:
            drawing.line([(x + WIDE, y + HIGH / 2), (x + WIDE + GAP - 4, y + HIGH / 2)],
                         stroke=DIM, arrow=True)  # fmt: skip
    if more:
        x = (len(steps) - 1) * (WIDE + GAP) + WIDE / 2
        turn = y + HIGH + 22
        drawing.line([(x, y + HIGH), (x, turn), (WIDE / 2, turn), (WIDE / 2, y + 134)],
                     stroke=DIM, arrow=True)  # fmt: skip
