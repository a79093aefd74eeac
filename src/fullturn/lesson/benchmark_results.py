"""Results of benchmarks that are kept with the lesson: `bench/NAME.py --keep` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from fullturn.core.errors import CouldNotEvaluate

Value = int | float | str
Points = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """One result: its figures and curves, and how to make them again."""

    name: str
    command: str
    date: str
    """ISO 8601."""
    machine: str
    figures: Mapping[str, Value]
    series: Mapping[str, Points] = field(default_factory=dict)


def kept(folder: Path | None = None) -> dict[str, Kept]:
    """All results in a folder, by name; those that come with the lesson if none is named.

    Raises:
        CouldNotEvaluate: a file is not one that a benchmark wrote.
    """
    place = folder or Path(str(files("fullturn.lesson"))) / "results"
    return {path.stem: _read(path) for path in sorted(place.glob("*.json"))}


def _read(path: Path) -> Kept:
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        series = {
            name: tuple(tuple(map(float, point)) for point in points)
            for name, points in body.pop("series", {}).items()
        }
        return Kept(series=series, **body)
    except (ValueError, TypeError, AttributeError) as error:
        raise CouldNotEvaluate(
            f"{path.name} is no kept result: {error}; "
            f"`python bench/{path.stem}.py --keep` writes it"
        ) from error
