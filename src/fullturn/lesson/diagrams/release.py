"""A release: how traffic is split, and how the evidence grows."""

from __future__ import annotations

from fullturn.lesson.benchmark_results import Points
from fullturn.lesson.diagrams.axes import Scale, curve, heights, widths
from fullturn.lesson.diagrams.svg import AGAIN, BAD, DEPLOY, DIM, GOOD, TRAIN, Drawing

STEPS = (
    ("Shadow", "gets copies", "users see nothing", TRAIN),
    ("Canary", "beside an equal arm", "few users", DEPLOY),
    ("Champion", "alias moves", "everyone", AGAIN),
)
FLOOR = 1e-3


def release() -> Drawing:
    """Shadow, canary, champion; from each a way back."""
    drawing = Drawing(
        1152, 118, "A release",
        "From shadow, in which the version answers copies of requests, to canary, in which it "
        "answers few users beside an equal arm of the champion, to champion. From shadow and from "
        "canary it may go back.",
    )  # fmt: skip
    for place, (name, what, who, colour) in enumerate(STEPS):
        x = place * 410.0
        drawing.box((x, 2), (332, 112), [(name, "name"), (f"{what}: {who}", "small")], edge=colour)
        if place:
            drawing.line([(x - 78, 58), (x - 4, 58)], stroke=DIM, arrow=True)
    return drawing


def evidence(back: Points, through: Points, breach: float, names: tuple[str, str]) -> Drawing:
    """E-values that a version is worse, of one that went back and one that went through."""
    drawing = Drawing(
        1152, 266, "Evidence of two releases",
        f"The evidence that a version is worse, over requests, on a logarithmic scale. {names[0]} "
        f"crosses {breach:g} and goes back; {names[1]} stays below and becomes champion.",
    )  # fmt: skip
    last = max(back[-1][0], through[-1][0])
    top = max(3 * breach, *(point[1] for point in back))
    x = Scale(0, 1.05 * last, 110, 1140)
    y = Scale(0.3 * FLOOR, 3 * top, 208, 40, log=True)
    heights(drawing, y, 110, 1140, "{:,.10g}")
    widths(drawing, x, 208, "requests answered by the version under test")
    level = y.at(breach)
    drawing.line([(110, level), (1140, level)], stroke=DEPLOY, dashed=True)
    for points, colour in ((through, GOOD), (back, BAD)):
        curve(drawing, [(p[0], max(p[1], FLOOR)) for p in points], x, y, colour)
        drawing.dot((x.at(points[-1][0]), y.at(max(points[-1][1], FLOOR))), 8, fill=colour)
    keys = ((names[0], BAD, 110), (names[1], GOOD, 420), (f"{breach:g} goes back", DEPLOY, 710))
    for words, colour, left in keys:
        drawing.line([(left, 14), (left + 34, 14)], stroke=colour, width=5)
        drawing.text((left + 46, 22), words, size=24, fill=colour, anchor="start", weight=600)
    drawing.text((1140, 22), "evidence that it is worse", size=22, fill=DIM, anchor="end")
    return drawing
