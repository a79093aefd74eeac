"""The numbers on the slides: each comes from a run, a benchmark result or a documented incident."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from fullturn.core.errors import CouldNotEvaluate, MissingFigure
from fullturn.core.wording import nearest

Value = int | float | str
Points = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """A benchmark result: figures, curves, and the command that reproduces them."""

    name: str
    command: str
    date: str
    """ISO 8601."""
    machine: str
    figures: Mapping[str, Value]
    series: Mapping[str, Points] = field(default_factory=dict)


def benchmark_results(folder: Path | None = None) -> dict[str, BenchmarkResult]:
    """All results in a folder, by name; by default those shipped with the lesson.

    Raises:
        CouldNotEvaluate: a file is not a benchmark result.
    """
    place = folder or Path(str(files("fullturn.lesson"))) / "results"
    return {path.stem: _read(path) for path in sorted(place.glob("*.json"))}


def _read(path: Path) -> BenchmarkResult:
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        series = {
            name: tuple(tuple(map(float, point)) for point in points)
            for name, points in body.pop("series", {}).items()
        }
        return BenchmarkResult(series=series, **body)
    except (ValueError, TypeError, AttributeError) as error:
        raise CouldNotEvaluate(
            f"{path.name} is not a benchmark result: {error}; "
            f"`python bench/{path.stem}.py --keep` writes it"
        ) from error


@dataclass(frozen=True, slots=True)
class Case:
    """A documented incident."""

    who: str
    when: str
    what: str
    guard: str
    source: str
    read: Literal["at its source", "second-hand"]


def cases() -> list[Case]:
    """All incidents, in the order of the slide."""
    text = files("fullturn.lesson").joinpath("cases.json").read_text(encoding="utf-8")
    return [Case(**case) for case in json.loads(text)]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from."""

    what: str
    """A run with its id, or a benchmark with its name."""
    date: str
    machine: str
    command: str
    """The command that reproduces it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number or text from a run or a result."""

    name: str
    value: Value
    text: str
    source: Source


class Figures:
    """All figures by name: `serving.ratio` is the figure `ratio` of the benchmark `serving`;
    names of the lesson project's figures begin with `lesson.`."""

    def __init__(
        self, results: Mapping[str, BenchmarkResult], recorded: Mapping[str, tuple[Value, Source]]
    ) -> None:
        self._results, self._recorded = results, recorded
        self.cited: list[Figure] = []
        """The figures that were requested, in order."""

    def __call__(self, name: str, form: str = "") -> Figure:
        """The figure of this name; `form` is its format, such as `{:.1f} ×`.

        Raises:
            MissingFigure: no run and no result contains it.
        """
        value, source = self._found(name)
        text = form.format(value) if form else shown(value)
        figure = Figure(name, value, text, source)
        self.cited.append(figure)
        return figure

    def points(self, name: str) -> Points:
        """A curve of a benchmark result.

        Raises:
            MissingFigure: no result contains it.
        """
        result, _, key = name.partition(".")
        series = self._results[result].series if result in self._results else {}
        if key not in series:
            known = [f"{result}.{one}" for one in series]
            raise MissingFigure(f"a slide draws '{name}', which {_lacking(result, name, known)}")
        return series[key]

    def _found(self, name: str) -> tuple[Value, Source]:
        if name in self._recorded:
            return self._recorded[name]
        result, _, key = name.partition(".")
        known_result = self._results.get(result)
        if known_result is not None and key in known_result.figures:
            what = f"benchmark {known_result.name}"
            return known_result.figures[key], Source(
                what, known_result.date, known_result.machine, known_result.command
            )
        known = [
            *self._recorded,
            *(f"{n}.{k}" for n, r in self._results.items() for k in r.figures),
        ]
        raise MissingFigure(f"a slide cites '{name}', which {_lacking(result, name, known)}")


def shown(value: Value) -> str:
    """A number in readable form."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def _lacking(result: str, name: str, known: list[str]) -> str:
    if result == "lesson":
        return (
            f"the lesson's project does not contain{nearest(name, known)}; "
            "`fullturn present --reset` recreates it"
        )
    return (
        f"no benchmark result contains{nearest(name, known)}; "
        f"`python bench/{result}.py --keep` may create it"
    )
