"""Plots of measured results: candidates, gates, releases, and answer quality."""

from __future__ import annotations

from fullturn.core.entities import CheckResult, GateReport
from fullturn.lesson.diagrams.svg import (  # fmt: skip
    AGAIN,
    BAD,
    DEPLOY,
    DIM,
    FAINT,
    GOOD,
    INK,
    OPEN,
    SMALL,
    TICK,
    TRAIN,
    WATCH,
    Drawing,
    Scale,
    curve,
    heights,
    interval,
    moment,
    powers,
    widths,
)
from fullturn.lesson.figures import Points
from fullturn.metrics.metric import SHARE
from fullturn.tracking.comparison import Comparison
from fullturn.verbs.parts.training import Trial

ROW, LOW_ROW = 100.0, 70.0


def candidates(trials: tuple[Trial, ...]) -> Drawing:
    """One line per candidate, best first."""
    row = min(ROW, 300 / len(trials))
    height = int(row * len(trials)) + 96
    scores = "; ".join(
        f"{t.run.name}: {t.race.interval.estimate:.2f}, from {t.race.interval.low:.2f} to "
        f"{t.race.interval.high:.2f}" + (", stopped early" if t.race.stopped else "")
        for t in trials
    )
    drawing = Drawing(
        1152, height, "Candidates of a search", f"Share of correct answers. {scores}."
    )
    x = Scale(0, 1, 430, 1110)
    for place, trial in enumerate(trials):
        y = 40 + row * place
        found, stopped = trial.race.interval, trial.race.stopped
        colour = OPEN if stopped else GOOD if place == 0 else TRAIN
        drawing.line([(430, y), (1110, y)], stroke=FAINT, width=1)
        drawing.text((0, y + 2), trial.run.name, size=26, anchor="start")
        note = f"stopped after {trial.race.groups} of {trial.race.of_groups} groups"
        drawing.text((0, y + 32), note if stopped else "finished its race", size=22, fill=DIM,
                     anchor="start")  # fmt: skip
        ends = x.at(found.low), x.at(found.high)
        interval(drawing, (x.at(found.estimate), y), ends, colour)
        drawing.text((x.at(found.estimate), y - 20), f"{found.estimate:.2f}", size=SMALL,
                     fill=colour, weight=600)  # fmt: skip
    widths(drawing, x, row * len(trials) + 16, "share of correct answers, 95 % interval", "{:.1f}")
    return drawing


def comparison(found: Comparison) -> Drawing:
    """Differences in the first few metrics, in points, relative to zero."""
    shown = [one for one in found.metrics if one.unit == SHARE][:3]
    height = int(LOW_ROW * len(shown)) + 84
    differences = "; ".join(
        f"{m.metric} {100 * m.difference.estimate:+.1f} points, from "
        f"{100 * m.difference.low:+.1f} to {100 * m.difference.high:+.1f}"
        for m in shown
    )
    about = f"{found.second} minus {found.first}, row by row: {differences}."
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


OUTCOME_COLOURS = {"PASSED": GOOD, "FAILED": BAD, "INCONCLUSIVE": OPEN}
SIGNS = {"PASSED": "✓", "FAILED": "✗", "INCONCLUSIVE": "?"}
ABOUT_CHECKS = {"EVAL04": "a slice is below its floor"}
UNKNOWN = ("kind=near", "kind=far")
"""Slices of questions that the handbook cannot answer."""
SLICES = 6
"""Number of slices drawn: the worst ones, and the best two."""


def gate(report: GateReport, candidate: str) -> Drawing:
    """Checks as tiles on the left, slices with their intervals on the right."""
    outcomes = ", ".join(f"{r.code} {r.outcome.lower().replace('_', ' ')}" for r in report.results)
    drawing = Drawing(
        1152, 388, f"The gate of '{candidate}': {report.outcome.lower()}", f"Checks: {outcomes}."
    )
    for place, result in enumerate(report.results):
        row, column = divmod(place, 3)
        _tile(drawing, result, 152.0 * column, 4 + 64.0 * row)
    failed = [result for result in report.results if result.outcome == "FAILED"]
    for place, result in enumerate(failed[:2]):
        words = f"{result.code}: {ABOUT_CHECKS.get(result.code, result.family)}"
        drawing.text((0, 350 + 30 * place), words, size=SMALL, fill=BAD, anchor="start", weight=600)
    _slices(drawing, next(r for r in report.results if "slices" in r.figures))
    return drawing


def _tile(drawing: Drawing, result: CheckResult, x: float, y: float) -> None:
    colour = OUTCOME_COLOURS.get(result.outcome, DIM)
    failed = result.outcome == "FAILED"
    fill = "#3a1417" if failed else "#11161c"
    drawing.rect((x, y), (140, 54), fill=fill, edge=colour, width=4 if failed else 2)
    drawing.text((x + 24, y + 36), SIGNS.get(result.outcome, "–"), size=24, fill=colour, weight=700)
    drawing.text((x + 84, y + 35), result.code, size=22, fill=INK if failed else DIM, mono=True)


def _slices(drawing: Drawing, result: CheckResult) -> None:
    slices = sorted(result.figures["slices"].items(), key=lambda item: item[1]["high"])
    shown = slices[: SLICES - 2] + slices[-2:]
    floor = result.figures["floor"]
    x = Scale(0, 1, 770, 1130)
    drawing.line([(x.at(floor), 40), (x.at(floor), 344)], stroke=INK, width=3, dashed=True)
    drawing.text((x.at(floor), 26), f"floor {floor:g}", size=SMALL, weight=600)
    for place, (name, one) in enumerate(shown):
        y = 58 + 53.0 * place
        below, above = one["high"] < floor, one["low"] > floor
        colour = BAD if below else GOOD if above else OPEN
        drawing.line([(770, y), (1130, y)], stroke=FAINT, width=1)
        label = name.partition("=")[2].replace("_", " ") or name
        drawing.text((748, y + 8), f"{label} ({one['rows']:g})", size=SMALL, anchor="end",
                     fill=BAD if below else INK, weight=600 if below else 400)  # fmt: skip
        interval(drawing, (x.at(one["estimate"]), y), (x.at(one["low"]), x.at(one["high"])), colour)
    unknown = [place for place, (name, _) in enumerate(shown) if name in UNKNOWN]
    if unknown == [0, 1]:
        drawing.text((x.at(floor) + 16, 93), "not in the handbook", size=22, fill=BAD,
                     anchor="start", weight=600)  # fmt: skip
    for value in x.ticks():
        drawing.text((x.at(value), 370), f"{value:.1f}", size=TICK, fill=DIM)
    drawing.text((748, 370), "correct answers, by slice", size=TICK, fill=DIM, anchor="end")


STEPS = (
    ("Shadow", "copies of requests", "no users", TRAIN),
    ("Canary", "next to an equal arm", "few users", DEPLOY),
    ("Champion", "the alias moves", "everyone", AGAIN),
)
EVIDENCE_FLOOR = 1e-3


def release() -> Drawing:
    """Shadow, canary, champion."""
    drawing = Drawing(
        1152, 118, "A release",
        "In shadow the version answers copies of requests. In canary it serves a few users next to "
        "an equal arm of the champion. Then it becomes champion. It can be rolled back from shadow "
        "and from canary.",
    )  # fmt: skip
    for place, (name, what, who, colour) in enumerate(STEPS):
        x = place * 410.0
        drawing.box((x, 2), (332, 112), [(name, "name"), (f"{what}: {who}", "small")], edge=colour)
        if place:
            drawing.line([(x - 78, 58), (x - 4, 58)], stroke=DIM, arrow=True)
    return drawing


def evidence(back: Points, through: Points, breach: float, names: tuple[str, str]) -> Drawing:
    """E-values for "worse" of a version that was rolled back and one that was promoted."""
    drawing = Drawing(
        1152, 266, "Evidence of two releases",
        f"The evidence that a version is worse, by requests, on a logarithmic scale. {names[0]} "
        f"crosses {breach:g} and is rolled back; {names[1]} stays below and becomes champion.",
    )  # fmt: skip
    last = max(back[-1][0], through[-1][0])
    top = max(3 * breach, *(point[1] for point in back))
    x = Scale(0, 1.05 * last, 110, 1140)
    y = Scale(0.3 * EVIDENCE_FLOOR, 3 * top, 208, 40, log=True)
    heights(drawing, y, 110, 1140, "{:,.10g}")
    widths(drawing, x, 208, "requests answered by the new version")
    level = y.at(breach)
    drawing.line([(110, level), (1140, level)], stroke=DEPLOY, dashed=True)
    for points, colour in ((through, GOOD), (back, BAD)):
        curve(drawing, [(p[0], max(p[1], EVIDENCE_FLOOR)) for p in points], x, y, colour)
        drawing.dot((x.at(points[-1][0]), y.at(max(points[-1][1], EVIDENCE_FLOOR))), 8, fill=colour)
    keys = ((names[0], BAD, 110), (names[1], GOOD, 420), (f"roll back at {breach:g}", DEPLOY, 710))
    for words, colour, left in keys:
        drawing.line([(left, 14), (left + 34, 14)], stroke=colour, width=5)
        drawing.text((left + 46, 22), words, size=24, fill=colour, anchor="start", weight=600)
    drawing.text((1140, 22), "evidence that it is worse", size=22, fill=DIM, anchor="end")
    return drawing


STATISTIC_FLOOR = 1.0


def statistic(points: Points, threshold: float, name: str) -> Drawing:
    """The statistic of one detector until its alarm."""
    drawing = Drawing(
        500, 318, f"The statistic of {name}",
        f"It stays low as long as nothing changes, then crosses {threshold:,.0f} within a few "
        "answers, which raises an alarm.",
    )  # fmt: skip
    rising = _until_alarm(points, threshold)
    x = Scale(0, 1.04 * rising[-1][0], 92, 488)
    y = Scale(STATISTIC_FLOOR, 30 * threshold, 246, 14, log=True)
    heights(drawing, y, 92, 488, powers)
    widths(drawing, x, 246, "answers since promotion")
    drawing.line([(92, y.at(threshold)), (488, y.at(threshold))], stroke=DEPLOY, dashed=True)
    drawing.text((100, y.at(threshold) - 10), "alarm", size=22, fill=DEPLOY, anchor="start",
                 weight=600)  # fmt: skip
    curve(drawing, [(p[0], max(p[1], STATISTIC_FLOOR)) for p in rising], x, y, WATCH)
    drawing.dot((x.at(rising[-1][0]), y.at(rising[-1][1])), 9, fill=BAD)
    return drawing


def _until_alarm(points: Points, threshold: float) -> Points:
    """The points up to the alarm; the detector restarts after it."""
    crossed = [n for n, point in enumerate(points) if point[1] >= threshold]
    end = crossed[0] if crossed else max(range(len(points)), key=lambda n: points[n][1])
    return points[: end + 1]


def timeline(points: Points, turns: float, alarm: float, champion: float) -> Drawing:
    """Share of correct answers by requests, with its interval and the main events."""
    drawing = Drawing(
        640, 318, "Answer quality",
        "Share of correct answers by requests. It drops when the audience asks about new topics; "
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
