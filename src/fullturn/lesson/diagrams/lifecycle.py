"""The lifecycle: four stages on a ring, and the decision between each and the next."""

from __future__ import annotations

import math

from fullturn.lesson.diagrams.svg import AGAIN, DEPLOY, DIM, PAPER, TRAIN, WATCH, Drawing, Place

MIDDLE, WIDE, HIGH = (576.0, 228.0), 236.0, 166.0
STAGES = (
    ("Training", "candidates race", "fullturn train", TRAIN, (195, 249), (0.0, 2.0)),
    (
        "Deployment",
        "shadow, canary, champion",
        "fullturn release",
        DEPLOY,
        (288, 342),
        (802.0, 2.0),
    ),
    ("Monitoring", "inputs, outputs, quality", "fullturn monitor", WATCH, (15, 69), (802.0, 316.0)),
    ("Retraining", "a decision with a price", "fullturn turn", AGAIN, (108, 162), (0.0, 316.0)),
)
"""Name, what happens, command, colour, from where to where its arc goes, place of its box."""
DECISIONS = (("gate", 270), ("live", 0), ("alarm", 90), ("new data", 180))


def lifecycle() -> Drawing:
    """Training → deployment → monitoring → retraining, and round again."""
    drawing = Drawing(
        1152, 456, "The lifecycle of a model",
        "A ring of four stages, clockwise: training, deployment, monitoring, retraining. Between "
        "training and deployment stands the gate; between deployment and monitoring the model is "
        "live; between monitoring and retraining stands the alarm; between retraining and "
        "training stand new data. In the middle: a champion always serves.",
    )  # fmt: skip
    for name, what, command, colour, (start, end), at in STAGES:
        (x0, y0), (x1, y1) = _on_ring(start), _on_ring(end)
        path = f"M{x0:.1f} {y0:.1f}A{WIDE} {HIGH} 0 0 1 {x1:.1f} {y1:.1f}"
        drawing.path(path, stroke=colour, width=12, arrow=True)
        drawing.box(at, (350, 138), [(name, "name"), (what, "say"), (command, "code")], edge=colour)
    for name, angle in DECISIONS:
        x, y = _on_ring(angle)
        wide = 140 if len(name) > 6 else 104
        drawing.rect((x - wide / 2, y - 27), (wide, 54), fill=PAPER, edge=DIM, round_=27)
        drawing.text((x, y + 9), name)
    drawing.text((MIDDLE[0], MIDDLE[1] - 6), "the champion", size=32, weight=600)
    drawing.text((MIDDLE[0], MIDDLE[1] + 34), "always serves")
    return drawing


def _on_ring(angle: float) -> Place:
    """Degrees, clockwise from the right."""
    turn = math.radians(angle)
    return MIDDLE[0] + WIDE * math.cos(turn), MIDDLE[1] + HIGH * math.sin(turn)
