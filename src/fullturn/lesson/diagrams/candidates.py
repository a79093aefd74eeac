"""Scores with their intervals: of candidates, and of a comparison."""

from __future__ import annotations

from fullturn.lesson.diagrams.axes import Scale, interval, widths
from fullturn.lesson.diagrams.svg import DIM, FAINT, GOOD, OPEN, SMALL, TRAIN, Drawing
from fullturn.tracking.comparison import Comparison
from fullturn.verbs.train import Trial

ROW, LOW_ROW = 100.0, 70.0


def candidates(trials: tuple[Trial, ...]) -> Drawing:
    """A line for each, best first."""
    row = min(ROW, 300 / len(trials))
    height = int(row * len(trials)) + 96
    scores = "; ".join(
        f"{t.run.name}: {t.race.interval.estimate:.2f}, from {t.race.interval.low:.2f} to "
        f"{t.race.interval.high:.2f}" + (", stopped early" if t.race.stopped else "")
        for t in trials
    )
    drawing = Drawing(1152, height, "Candidates of a search", f"Share of right answers. {scores}.")
    x = Scale(0, 1, 430, 1110)
    for place, trial in enumerate(trials):
        y = 40 + row * place
        found, stopped = trial.race.interval, trial.race.stopped
        colour = OPEN if stopped else GOOD if place == 0 else TRAIN
        drawing.line([(430, y), (1110, y)], stroke=FAINT, width=1)
        drawing.text((0, y + 2), trial.run.name, size=26, anchor="start")
        note = f"stopped after {trial.race.groups} of {trial.race.of_groups} groups"
        drawing.text((0, y + 32), note if stopped else "raced to the end", size=22, fill=DIM,
                     anchor="start")  # fmt: skip
        ends = x.at(found.low), x.at(found.high)
        interval(drawing, (x.at(found.estimate), y), ends, colour)
        drawing.text((x.at(found.estimate), y - 20), f"{found.estimate:.2f}", size=SMALL,
                     fill=colour, weight=600)  # fmt: skip
    widths(drawing, x, row * len(trials) + 16, "share of right answers, 95 % interval", "{:.1f}")
    return drawing


def comparison(found: Comparison) -> Drawing:
    """Differences of the first few metrics, in points, against zero."""
    shown = found.metrics[:3]
    height = int(LOW_ROW * len(shown)) + 84
    told = "; ".join(
        f"{m.metric} {100 * m.difference.estimate:+.1f} points, from "
        f"{100 * m.difference.low:+.1f} to {100 * m.difference.high:+.1f}"
        for m in shown
    )
    about = f"{found.second} minus {found.first}, row by row: {told}."
    drawing = Drawing(1152, height, "Two runs compared", about)
    reach = 100 * max(abs(v) for m in shown for v in (m.difference.low, m.difference.high))
    x = Scale(-1.15 * reach - 0.5, 1.15 * reach + 0.5, 300, 1110)
    bottom = 24 + LOW_ROW * len(shown)
    drawing.line([(x.at(0), 6), (x.at(0), bottom - 6)], stroke=DIM, width=3, dashed=True)
    for place, metric in enumerate(shown):
        y, one = 40 + LOW_ROW * place, metric.difference
        clear = one.low > 0 or one.high < 0
        ends = x.at(100 * one.low), x.at(100 * one.high)
        drawing.text((0, y + 9), metric.metric.replace("_", " "), size=26, anchor="start")
        interval(drawing, (x.at(100 * one.estimate), y), ends, GOOD if clear else OPEN)
    title = f"points: {found.second} minus {found.first}"
    widths(drawing, x, bottom - 4, title, "{:+g}")
    return drawing
