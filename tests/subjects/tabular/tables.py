"""A small table with every kind of column, as a dataset. Test data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from fullturn.core.entities import Dataset, DatasetVersion, Example, Split
from fullturn.core.settings import DataSettings, ModelSettings
from fullturn.subjects.tabular.app import Tabular

COLUMNS = {
    "age": "number",
    "income": "number",
    "city": "category",
    "member": "boolean",
    "joined": "date",
    "note": "text",
}
CITIES = ("Berlin", "Bonn", "Bremen", "Celle")
GOOD = ("pays on time", "a friendly customer", "never had a problem", "always pays at once")
BAD = ("complained twice", "late payments again", "wants to leave us", "angry about the bill")


def app(task: str = "classification", scale: float | None = None, **columns: Any) -> Tabular:
    """An app of these columns, by default all of them; income may be missing."""
    data = DataSettings(label="left", columns=columns or COLUMNS, optional=("income",))
    return Tabular(data, ModelSettings(task=task, scale=scale))  # type: ignore[arg-type]


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose label depends on age, city, membership, date and note."""
    draw = random.Random(seed)
    return [_row(draw) for _ in range(count)]


def _row(draw: random.Random) -> dict[str, Any]:
    age, city = draw.randrange(18, 80), draw.choice(CITIES)
    member, year = draw.random() < 0.5, draw.randrange(2015, 2025)
    unhappy = draw.random() < 0.5
    points = (age > 50) + (city in ("Bonn", "Celle")) + (not member) + (year > 2020) + 2 * unhappy
    return {
        "age": float(age),
        "income": None if draw.random() < 0.2 else 1000.0 * draw.randrange(1, 9),
        "city": city,
        "member": str(member).lower(),
        "joined": f"{year}-{draw.randrange(1, 13):02}-{draw.randrange(1, 28):02}",
        "note": draw.choice(BAD if unhappy else GOOD),
        "left": "yes" if points >= 3 else "no",
        "points": float(points),
    }


def dataset(found: Sequence[dict[str, Any]], label: str = "left") -> Dataset:
    """Half of the rows for training, a quarter each for validation and test."""
    splits: tuple[Split, ...] = ("train", "train", "validation", "test")
    examples = tuple(
        Example(
            str(number),
            {name: row[name] for name in COLUMNS if name in row},
            {"left": row[label]},
            str(number),
            splits[number % 4],
        )
        for number, row in enumerate(found)
    )
    version = DatasetVersion(
        "customers", 1, "0" * 64, "", len(examples), {}, None, 0, 0, 0, "", "", ""
    )
    return Dataset(version, examples)
