"""The drawings of the slides by name; schematic ones are drawn here, plots in `charts`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fullturn.core.errors import UsageError
from fullturn.core.wording import listed
from fullturn.lesson.diagrams import charts
from fullturn.lesson.diagrams.svg import (
    AGAIN,
    DATA,
    DEPLOY,
    DIM,
    PAPER,
    SMALL,
    TRAIN,
    WATCH,
    Drawing,
    Place,
)
from fullturn.lesson.figures import Figures
from fullturn.lesson.past import Past
from fullturn.pipeline.steps import DELIVER, EVALUATE, Step

RING, RADII = (576.0, 228.0), (236.0, 166.0)
"""Centre and radii of the ellipse that connects the stages."""
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
    ("Retraining", "a costed decision", "fullturn turn", AGAIN, (108, 162), (0.0, 316.0)),
)
"""Name, content, command, colour, start and end of the arc, position of the box."""
DECISIONS = (("gate", 270), ("live", 0), ("alarm", 90), ("new data", 180))


def lifecycle() -> Drawing:
    """The loop training → deployment → monitoring → retraining → training."""
    drawing = Drawing(
        1152, 456, "The lifecycle of a model",
        "A loop of four stages, clockwise: training, deployment, monitoring, retraining. The gate "
        "is between training and deployment; between deployment and monitoring the model is live; "
        "the alarm is between monitoring and retraining; new data is between retraining and "
        "training. In the middle: a champion always serves.",
    )  # fmt: skip
    for name, what, command, colour, (start, end), at in STAGES:
        (x0, y0), (x1, y1) = _on_ring(start), _on_ring(end)
        path = f"M{x0:.1f} {y0:.1f}A{RADII[0]} {RADII[1]} 0 0 1 {x1:.1f} {y1:.1f}"
        drawing.path(path, stroke=colour, width=12, arrow=True)
        drawing.box(at, (350, 138), [(name, "name"), (what, "say"), (command, "code")], edge=colour)
    for name, angle in DECISIONS:
        x, y = _on_ring(angle)
        wide = 140 if len(name) > 6 else 104
        drawing.rect((x - wide / 2, y - 27), (wide, 54), fill=PAPER, edge=DIM, round_=27)
        drawing.text((x, y + 9), name)
    drawing.text((RING[0], RING[1] - 6), "the champion", size=32, weight=600)
    drawing.text((RING[0], RING[1] + 34), "always serves")
    return drawing


def _on_ring(angle: float) -> Place:
    """The point at this angle, in degrees clockwise from the right."""
    turn = math.radians(angle)
    return RING[0] + RADII[0] * math.cos(turn), RING[1] + RADII[1] * math.sin(turn)


IN = ("code: Git commit", "data: content digest", "environment: digest", "parameters and seed")
OUT = ("scores with intervals", "every row, scored", "the model's digest")


def run(number: str) -> Drawing:
    """Inputs on the left, results on the right; `number` is the id of a real run."""
    drawing = Drawing(
        1152, 300, "What a run records",
        f"Inputs: {', '.join(IN)}. Outputs: {', '.join(OUT)}.",
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


LANES = (
    ("Code", "Git", "commit", TRAIN),
    ("Data", "dataset version", "content digest", DATA),
    ("Prompt", "prompt version", "registry", WATCH),
    ("Environment", "lock file", "digest", AGAIN),
)


def versions(commit: str, data: str, run: str, version: str) -> Drawing:
    """Versions of code, data, prompt and environment go into a run; a run becomes a version."""
    drawing = Drawing(
        1152, 400, "Versions and where they are stored",
        "Code is in Git. Data, prompts and the environment have their own versions, identified by "
        "digest. A run records all four. A run that passes the gate becomes a model version; the "
        "alias champion points to one of them.",
    )  # fmt: skip
    ids = {"Code": commit, "Data": data}
    for place, (name, where, by, colour) in enumerate(LANES):
        y = 2 + place * 102
        drawing.box((0, y), (430, 84), [(name, "name"), (f"{where} · {ids.get(name, by)}", "code")],
                    edge=colour)  # fmt: skip
        drawing.line([(430, y + 42), (536, 150 + place * 34)], stroke=DIM, arrow=True)
    drawing.box((540, 120), (190, 164), [("run", "name"), (run, "code")], edge=DEPLOY)
    drawing.line([(730, 202), (826, 202)], stroke=DIM, arrow=True)
    drawing.text((778, 186), "gate", size=24)
    drawing.box((830, 120), (322, 164), [("model version", "name"), (version, "say"),
                                         ("alias champion", "code")], edge=AGAIN)  # fmt: skip
    drawing.text((846, 356), "the alias moves; versions never change", size=24, fill=DIM)
    return drawing


STEP_COLOURS = (WATCH, AGAIN, DEPLOY, TRAIN, DATA, AGAIN)


def lineage(steps: Sequence[tuple[str, str]]) -> Drawing:
    """Six steps with their names and ids."""
    about = ", then ".join(f"{name} {number}" for name, number in steps)
    drawing = Drawing(1152, 298, "One id traces everything", f"From an answer: {about}.")
    for place, ((name, number), colour) in enumerate(zip(steps, STEP_COLOURS, strict=True)):
        row, column = divmod(place, 3)
        x, y = 400.0 * column, 2.0 + 178 * row
        drawing.box((x, y), (352, 116), [(name, "name"), (number, "code")], edge=colour)
        if column < 2:
            drawing.line([(x + 352, y + 58), (x + 396, y + 58)], stroke=DIM, arrow=True)
    drawing.line([(1100, 118), (1100, 150), (60, 150), (60, 176)], stroke=DIM, arrow=True)
    return drawing


STEP, GAP = (262.0, 92.0), 34.0
"""Size of a step, and space between two, in pixels."""
ABOUT_STEPS = {
    "code": "records the commit",
    "tests": "your own tests",
    "base": "what to compare with",
    "data": "contract, version",
    "train": "the candidate",
    "gate": "against champion",
    "report": "on the pull request",
    "register": "a model version",
    "release": "shadow, canary",
}
"""Shorter descriptions than those of the declaration."""


def pipeline() -> Drawing:
    """The steps of `ci`, then those of `cd`."""
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
    drawing.text((186, 24), "on every pull request; changes nothing for users", size=SMALL,
                 fill=DIM, anchor="start")  # fmt: skip
    drawing.text((0, 326), "fullturn cd", size=SMALL, fill=DEPLOY, anchor="start", mono=True)
    drawing.text((186, 326), "after the merge: the same steps, then", size=SMALL, fill=DIM,
                 anchor="start")  # fmt: skip
    _row(drawing, DELIVER, 346, DEPLOY, more=False)
    x = 2 * (STEP[0] + GAP)
    drawing.line([(x - GAP, 392), (x - 4, 392)], stroke=DIM, arrow=True)
    lines = [("champion", "name"), ("or automatic rollback", "small")]
    drawing.box((x, 346), STEP, lines, edge=AGAIN)
    return drawing


def _row(drawing: Drawing, steps: Sequence[Step], y: float, colour: str, *, more: bool) -> None:
    wide, high = STEP
    for place, step in enumerate(steps):
        x = place * (wide + GAP)
        lines = [(step.name, "name"), (ABOUT_STEPS[step.name], "small")]
        drawing.box((x, y), STEP, lines, edge=colour)
        if place < len(steps) - 1:
            middle = y + high / 2
            drawing.line([(x + wide, middle), (x + wide + GAP - 4, middle)], stroke=DIM, arrow=True)
    if more:
        x, turn = (len(steps) - 1) * (wide + GAP) + wide / 2, y + high + 22
        down = [(x, y + high), (x, turn), (wide / 2, turn), (wide / 2, y + 134)]
        drawing.line(down, stroke=DIM, arrow=True)


@dataclass(frozen=True, slots=True)
class Board:
    """The data for drawings."""

    past: Past
    figures: Figures


def draw(name: str, board: Board) -> Drawing:
    """The drawing of this name.

    Raises:
        UsageError: there is none.
        MissingFigure: a curve or figure that it needs is missing.
    """
    if name not in DRAWINGS:
        raise UsageError(f"there is no drawing '{name}'; known: {listed(sorted(DRAWINGS))}")
    return DRAWINGS[name](board)


def _run(board: Board) -> Drawing:
    return run(board.past.first.run[:8])


def _versions(board: Board) -> Drawing:
    text, first = board.figures, board.past.first
    commit, data = text("lesson.first.commit").text, f"{first.data}, {first.data_digest[:8]}"
    return versions(commit, data, first.run[:8], f"version {first.version}")


def _lineage(board: Board) -> Drawing:
    figures, first = board.figures, board.past.first
    return lineage(
        (
            ("answer", "its id in the log"),
            ("model version", f"version {first.version}"),
            ("run", first.run[:8]),
            ("code", f"commit {figures('lesson.first.commit').text}"),
            ("data", f"{first.data_digest[:12]}"),
            ("gate", f"{first.gate[:8]} {first.gate_outcome.lower()}"),
        )
    )


def _evidence(board: Board) -> Drawing:
    figures = board.figures
    back, through = figures("turn.back.version").text, figures("turn.through.version").text
    return charts.evidence(
        figures.points("turn.back.loss"),
        figures.points("turn.through.loss"),
        float(figures("turn.back.threshold").value),
        (f"version {back}: rolled back", f"version {through}: champion"),
    )


def _statistic(board: Board) -> Drawing:
    figures = board.figures
    name = figures("turn.alarm.detector").text
    points = figures.points(f"turn.statistic.{name}")
    return charts.statistic(points, float(figures("turn.alarm.threshold").value), name)


def _timeline(board: Board) -> Drawing:
    figures = board.figures
    at = [figures.points(f"turn.at.{name}")[0][0] for name in ("turns", "alarm", "champion")]
    return charts.timeline(figures.points("turn.quality"), *at)


DRAWINGS: Mapping[str, Callable[[Board], Drawing]] = {
    "lifecycle": lambda _: lifecycle(),
    "run": _run,
    "candidates": lambda board: charts.candidates(board.past.candidates),
    "comparison": lambda board: charts.comparison(board.past.comparison),
    "versions": _versions,
    "lineage": _lineage,
    "gate": lambda board: charts.gate(board.past.blocked.report, board.past.blocked.candidate),
    "pipeline": lambda _: pipeline(),
    "release": lambda _: charts.release(),
    "evidence": _evidence,
    "statistic": _statistic,
    "timeline": _timeline,
}
