"""All drawings available to slides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fullturn.core.errors import UsageError
from fullturn.core.wording import listed
from fullturn.lesson.diagrams import charts, schemas
from fullturn.lesson.diagrams.svg import Drawing
from fullturn.lesson.figures import Figures
from fullturn.lesson.past import Past


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
    return schemas.run(board.past.first.run[:8])


def _versions(board: Board) -> Drawing:
    text, first = board.figures, board.past.first
    commit, data = text("lesson.first.commit").text, f"{first.data}, {first.data_digest[:8]}"
    return schemas.versions(commit, data, first.run[:8], f"version {first.version}")


def _lineage(board: Board) -> Drawing:
    figures, first = board.figures, board.past.first
    return schemas.lineage(
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
    "lifecycle": lambda _: schemas.lifecycle(),
    "run": _run,
    "candidates": lambda board: charts.candidates(board.past.candidates),
    "comparison": lambda board: charts.comparison(board.past.comparison),
    "versions": _versions,
    "lineage": _lineage,
    "gate": lambda board: charts.gate(board.past.blocked.report, board.past.blocked.candidate),
    "pipeline": lambda _: schemas.pipeline(),
    "release": lambda _: charts.release(),
    "evidence": _evidence,
    "statistic": _statistic,
    "timeline": _timeline,
}
