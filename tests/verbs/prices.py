"""A small app of a user's own that predicts a number, with a fault to plant. Test data."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Input,
    Output,
    Params,
    Scores,
)
from fullturn.subjects.protocols import Run

CLOSE = 60.0


def houses(count: int, seed: int) -> list[dict[str, str]]:
    """Prices in thousands: 3 per square metre, 20 per room, and chance."""
    source = random.Random(seed)
    rows = []
    for number in range(count):
        area, rooms = source.uniform(30, 200), source.randint(1, 6)
        price = 3 * area + 20 * rooms + source.gauss(0, 20)
        rows.append({"id": str(number), "area": f"{area:.2f}", "rooms": str(rooms),
                     "price": f"{price:.2f}"})  # fmt: skip
    return rows


class Bare:
    """Least squares; `fault = "outliers"` is wrong by 300 in one row of fifty. No scores."""

    contract = Contract(
        columns=(
            Column("id", role="id"),
            Column("area", "number"),
            Column("rooms", "number"),
            Column("price", "number", "label"),
        ),
        key=("id",),
        near_duplicates="report",
        text=None,
    )
    defaults: Params = {"fault": "none"}
    space: Mapping[str, Sequence[Any]] = {}

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Fit area, rooms and a constant."""
        rows = data.split("train")
        cells = [[e.input["area"], e.input["rooms"], 1.0] for e in rows]
        weights = np.linalg.lstsq(cells, [e.expected["price"] for e in rows], rcond=None)[0]
        model = {"weights": weights.tolist(), "fault": params["fault"]}
        (run.directory / "model.json").write_text(json.dumps(model))
        return run.directory

    def load(self, bundle: Path) -> Line:
        """Read the weights."""
        return Line(**json.loads((bundle / "model.json").read_text()))

    def baseline(self, data: Dataset) -> Line:
        """The mean price."""
        prices = [e.expected["price"] for e in data.split("train")]
        return Line([0.0, 0.0, sum(prices) / len(prices)], "none")


class Prices(Bare):
    """The same with a score."""

    def score(self, row: Example, output: Output) -> Scores:
        """Whether the price is close."""
        return {"close": float(abs(output["value"] - row.expected["price"]) < CLOSE)}


class Line:
    """A loaded bundle."""

    def __init__(self, weights: Sequence[float], fault: str) -> None:
        self.weights, self.fault = weights, fault

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The price of each house."""
        return [{"value": self._price(row)} for row in rows]

    def _price(self, row: Input) -> float:
        area, rooms, constant = self.weights
        price = area * row["area"] + rooms * row["rooms"] + constant
        is_outlier = self.fault == "outliers" and int(row["area"] * 100) % 50 == 0
        return float(price + 300 * is_outlier)
