"""A shift: the statistic that alarms, and what users got before, during and after."""

from __future__ import annotations

from fullturn.lesson.benchmark_results import Points
from fullturn.lesson.diagrams.axes import Scale, curve, heights, moment, powers, widths
from fullturn.lesson.diagrams.svg import BAD, DEPLOY, GOOD, TRAIN, WATCH, Drawing

FLOOR = 1.0


def statistic(points: Points, threshold: float, name: str) -> Drawing:
    """The way of one detector to its threshold, up to the alarm."""
    drawing = Drawing(
        500, 318, f"The statistic of {name}",
        f"It stays low as long as nothing changes, then crosses {threshold:,.0f} within few "
        "answers: an alarm.",
    )  # fmt: skip
    rising = _until_alarm(points, threshold)
    x = Scale(0, 1.04 * rising[-1][0], 92, 488)
    y = Scale(FLOOR, 30 * threshold, 246, 14, log=True)
    heights(drawing, y, 92, 488, powers)
    widths(drawing, x, 246, "answers since promotion")
    drawing.line([(92, y.at(threshold)), (488, y.at(threshold))], stroke=DEPLOY, dashed=True)
    drawing.text((100, y.at(threshold) - 10), "alarm", size=22, fill=DEPLOY, anchor="start",
                 weight=600)  # fmt: skip
    curve(drawing, [(p[0], max(p[1], FLOOR)) for p in rising], x, y, WATCH)
    drawing.dot((x.at(rising[-1][0]), y.at(rising[-1][1])), 9, fill=BAD)
    return drawing


def _until_alarm(points: Points, threshold: float) -> Points:
    """A detector restarts after an alarm: what follows is another story."""
    crossed = [n for n, point in enumerate(points) if point[1] >= threshold]
    end = crossed[0] if crossed else max(range(len(points)), key=lambda n: points[n][1])
    return points[: end + 1]


def timeline(points: Points, turns: float, alarm: float, champion: float) -> Drawing:
    """Share of right answers over all requests, with its interval, and what happened when."""
    drawing = Drawing(
        640, 318, "What users got",
        "Share of right answers over requests. It falls when the audience turns to new subjects; "
        "an alarm follows; it recovers when the retrained version is champion.",
    )  # fmt: skip
    x, y = Scale(0, 1.02 * points[-1][0], 66, 628), Scale(0, 1, 246, 36)
    heights(drawing, y, 66, 628, "{:.1f}")
    widths(drawing, x, 246, "requests")
    above = [(x.at(p[0]), y.at(p[3])) for p in points]
    below = [(x.at(p[0]), y.at(p[2])) for p in points]
    drawing.area([*above, *reversed(below)], fill=TRAIN)
    curve(drawing, points, x, y, TRAIN)
    moment(drawing, x.at(turns), 0, 246, "shift", "end")
    drawing.line([(x.at(alarm), 34), (x.at(alarm), 246)], stroke=BAD, width=3)
    drawing.text((x.at(alarm) + 8, 62), "alarm", size=22, fill=BAD, anchor="start", weight=600)
    drawing.line([(x.at(champion), 34), (x.at(champion), 246)], stroke=GOOD, width=3)
    near = x.at(champion) > 470
    drawing.text((x.at(champion) + (-8 if near else 8), 16), "new champion", size=22, fill=GOOD,
                 anchor="end" if near else "start", weight=600)  # fmt: skip
    return drawing
