from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fullturn.core.entities import Dataset, DatasetVersion, Example
from fullturn.core.errors import DataError
from fullturn.data.contract import check
from fullturn.subjects.bundle import unsafe_files
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App
from tests.subjects.text.questions import LocalRun


@pytest.fixture(scope="module")
def app(wine: Path) -> App:
    return find("wine_app:WineApp", root=wine)


@pytest.fixture(scope="module")
def data(wine: Path, app: App) -> Dataset:
    with (wine / "wine.csv").open(encoding="utf-8") as file:
        rows = check(list(csv.DictReader(file)), app.contract).rows
    inputs = app.contract.names("input")
    examples = tuple(
        Example(
            row["id"],
            {name: row[name] for name in inputs},
            {"cultivar": row["cultivar"]},
            row["id"],
            "test" if number % 2 else "train",
        )
        for number, row in enumerate(rows)
    )
    version = DatasetVersion("wine", 1, "0" * 64, "", 178, {}, None, 178, 0, 0, "", "", "")
    return Dataset(version, examples)


def test_it_tells_the_cultivars_apart(app: App, data: Dataset, tmp_path: Path) -> None:
    run = LocalRun(tmp_path)
    predictor = app.load(app.train(data, app.defaults, run))
    rows = data.split("test")

    def right(outputs: object) -> float:
        pairs = zip(rows, outputs, strict=True)  # type: ignore[call-overload]
        return sum(app.score(row, output)["accuracy"] for row, output in pairs) / len(rows)

    assert right(predictor.predict([row.input for row in rows])) > 0.9
    assert right(app.baseline(data).predict([row.input for row in rows])) < 0.5
    assert unsafe_files(tmp_path) == []
    assert run.steps
    assert predictor.predict([]) == []


def test_a_wine_out_of_bounds_breaks_the_contract(app: App, wine: Path) -> None:
    with (wine / "wine.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[4]["alcohol"] = "45"
    with pytest.raises(DataError, match="alcohol"):
        check(rows, app.contract)
