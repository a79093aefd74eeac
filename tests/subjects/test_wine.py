from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fullturn
from fullturn.core.entities import Dataset, DatasetVersion, Example
from fullturn.core.errors import DataError
from fullturn.data.contract import check
from fullturn.subjects.bundle import unsafe_files
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App
from tests.subjects.text.questions import LocalRun

WINE = Path(fullturn.__file__).parent / "demo" / "examples" / "wine"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the example, with its rows written."""
    root = tmp_path_factory.mktemp("wine")
    for path in WINE.glob("wine_*.py"):
        shutil.copy(path, root)
    before = list(sys.path)
    sys.path.insert(0, str(root))
    from wine_data import write_csv  # type: ignore[import-not-found]

    write_csv(root / "wine.csv")
    yield root
    sys.path[:] = before
    for name in ("wine_data", "wine_app"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def app(project: Path) -> App:
    return find("wine_app:WineApp", root=project)


@pytest.fixture(scope="module")
def data(project: Path, app: App) -> Dataset:
    with (project / "wine.csv").open(encoding="utf-8") as file:
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


def test_a_wine_out_of_bounds_breaks_the_contract(app: App, project: Path) -> None:
    with (project / "wine.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[4]["alcohol"] = "45"
    with pytest.raises(DataError, match="alcohol"):
        check(rows, app.contract)
