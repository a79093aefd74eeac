"""A gate's report: its checks, and the slices that decided."""

from __future__ import annotations

from fullturn.core.entities import CheckResult, GateReport
from fullturn.lesson.diagrams.axes import Scale, interval
from fullturn.lesson.diagrams.svg import (  # fmt: skip
    BAD,
    DIM,
    FAINT,
    GOOD,
    INK,
    OPEN,
    SMALL,
    TICK,
    Drawing,
)

COLOURS = {"PASSED": GOOD, "FAILED": BAD, "INCONCLUSIVE": OPEN}
SIGNS = {"PASSED": "✓", "FAILED": "✗", "INCONCLUSIVE": "?"}
ABOUT = {"EVAL04": "a slice lies below its floor"}
UNKNOWN = ("kind=near", "kind=far")
"""Slices of questions that the handbook does not answer."""
SLICES = 6
"""So many slices are drawn: the worst, and the best beside them."""


def gate(report: GateReport, candidate: str) -> Drawing:
    """Checks as tiles at the left, slices with their intervals at the right."""
    told = ", ".join(f"{r.code} {r.outcome.lower().replace('_', ' ')}" for r in report.results)
    drawing = Drawing(
        1152, 388, f"The gate of '{candidate}': {report.outcome.lower()}", f"Checks: {told}."
    )
    for place, result in enumerate(report.results):
        row, column = divmod(place, 3)
        _tile(drawing, result, 152.0 * column, 4 + 64.0 * row)
    failed = [result for result in report.results if result.outcome == "FAILED"]
    for place, result in enumerate(failed[:2]):
        words = f"{result.code}: {ABOUT.get(result.code, result.family)}"
        drawing.text((0, 350 + 30 * place), words, size=SMALL, fill=BAD, anchor="start", weight=600)
    _slices(drawing, next(r for r in report.results if "slices" in r.figures))
    return drawing


def _tile(drawing: Drawing, result: CheckResult, x: float, y: float) -> None:
    colour = COLOURS.get(result.outcome, DIM)
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
    drawing.text((748, 370), "right answers, by slice", size=TICK, fill=DIM, anchor="end")
