"""Tables that are odd, from the file's cells to a model: each works, or says what to do."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import run
from fullturn.core.entities import Dataset
from fullturn.core.settings import parse
from fullturn.data import versions
from fullturn.data.versions import CommitRequest
from fullturn.subjects.tabular.app import Tabular, TabularPredictor
from fullturn.subjects.tabular.columns import MOST_KNOWN, ColumnCode
from fullturn.verbs.parts.init_table import Roles, plan
from tests.subjects.text.questions import LocalRun
from tests.verbs.conftest import write_rows


def table(count: int, **cells: Any) -> list[dict[str, Any]]:
    """Rows with a number, a category and a label; `cells` are made from the number of the row."""
    draw = random.Random(0)
    return [
        {"x": draw.randrange(100), "c": draw.choice("abc"), "y": draw.choice(["yes", "no"])}
        | {name: make(number) for name, make in cells.items()}
        for number in range(count)
    ]


def learned(
    folder: Path, rows: list[dict[str, Any]], roles: Roles
) -> tuple[Dataset, TabularPredictor]:
    """The dataset version, and a model, as `init`, `data commit` and `train` make them."""
    toml, _ = plan("odd", {"files": ["t.csv"]}, rows, roles)
    settings = parse(tomllib.loads(toml), "odd")
    app = Tabular(settings.data, settings.model)
    request = CommitRequest("odd", "tester")
    versions.commit(folder / "data", "odd", rows, app.contract, settings.data, request)
    data = versions.load(folder / "data", app.contract)
    (folder / "bundle").mkdir()
    made = app.train(data, {"complexity": "low"}, LocalRun(folder / "bundle"))
    return data, app.load(made)


@pytest.mark.parametrize(
    ("cells", "more", "said"),
    [
        ({"y": lambda n: "yes"}, (), "the label 'y' has 1 value, 'yes': there is nothing to learn"),
        ({"y": lambda n: f"l{n}"}, (), "different in each of 90 rows.*--task regression"),
        ({"y": lambda n: "" if n % 9 == 0 else "ab"[n % 2]}, (), "'y' is empty.*on_bad_row"),
        ({"x": lambda n: "many" if n == 7 else n}, (), "t.csv:9: 'x' is 'many', not a number"),
        ({"t": lambda n: "2024-01-01"}, ("--time", "t"), "'t' does not order the rows"),
        ({}, ("--time", "c"), "neither a date nor a number: it does not order the rows"),
        ({"t": lambda n: "soon" if n == 3 else f"2024-01-{1 + n % 28:02}"}, ("--time", "t"),
         "t.csv:5: 't' = 'soon' is not a date"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_refused_by_init_with_a_way_on(
    cells: dict[str, Any],
    more: tuple[str, ...],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write_rows(tmp_path / "t.csv", table(90, **cells))
    words = ["init", "--csv", str(file), "--label", "y", *more, str(tmp_path / "project")]
    assert run(words) == 2
    assert not (tmp_path / "project").exists()
    shown = " ".join(capsys.readouterr().err.split())
    assert re.search(said, shown), shown


def test_five_rows_make_a_project_that_says_they_are_few_and_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table(5, y=lambda n: "yes" if n % 2 else "no")
    file = write_rows(tmp_path / "t.csv", rows)
    assert run(["init", "--csv", str(file), "--label", "y", str(tmp_path / "project")]) == 0
    assert "only 5 rows: a gate can decide little on so few" in capsys.readouterr().out
    data, predictor = learned(tmp_path, rows, Roles("y"))
    assert len(predictor.predict([one.input for one in data.examples])) == 5


def test_hundreds_of_columns_are_read_all(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = table(40, **{f"n{place}": lambda n: draw.random() for place in range(600)})
    data, predictor = learned(tmp_path, rows, Roles("y"))
    inputs = [one.input for one in data.split("test")]
    assert len(inputs[0]) == 602 and len(predictor.predict(inputs)) == len(inputs)


def test_dates_before_1700_order_the_rows_and_are_an_input(tmp_path: Path) -> None:
    rows = table(
        60, t=lambda n: f"{1066 + n}-05-0{1 + n % 9}", y=lambda n: "yes" if n > 30 else "no"
    )
    data, predictor = learned(tmp_path, rows, Roles("y", time="t"))
    assert data.version.periods["train"][0] == "1066-05-01"
    early, late = predictor.predict(
        [{"x": 1.0, "c": "a", "t": "1066-10-14"}, {"x": 1.0, "c": "a", "t": "1120-01-01"}]
    )
    assert (early["label"], late["label"]) == ("no", "yes")


def test_of_more_categories_than_are_recorded_the_frequent_ones_still_count() -> None:
    cells = [f"c{n}" for n in range(MOST_KNOWN + 1)] + ["often"] * 9
    code = ColumnCode.learn("x", "category", cells, most=100)
    assert code.values == ("often",) and code.known is None
    assert code.read(["often", "c7", "new"])[:, 0].tolist() == [0.0, 1.0, 1.0]
    assert list(code.unseen(["new"])) == []
