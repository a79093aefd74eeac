"""A project for a table, from its file to a monitored champion, with real MLflow and HTTP."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from fullturn.cli import run
from fullturn.core.entities import CheckResult
from fullturn.core.errors import DataError
from fullturn.registry import history as histories
from fullturn.verbs.init import init
from fullturn.verbs.monitor import monitor
from fullturn.verbs.predict import predict
from fullturn.verbs.serve import server
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace, stored_report
from tests.projects import Once, copied
from tests.subjects.tabular.tables import BAD, rows
from tests.verbs.conftest import write_rows
from tests.waiting import PATIENCE

FEW = 400


def customer(row: dict[str, Any], label: str) -> dict[str, Any]:
    """A row without its note, and a label that follows from the others."""
    points = row["points"] - 2 * (row["note"] in BAD)
    known = {name: row[name] for name in ("age", "income", "city", "member", "joined")}
    return {**known, label: points if label == "points" else "yes" if points >= 2 else "no"}


def started(folder: Path, database: Path, label: str, **roles: Any) -> Workspace:
    """A new project whose search has two candidates, with a database that is made already."""
    found = [customer(row, label) for row in rows(FEW, seed=2)]
    init(folder, csv=write_rows(folder.parent / "customers.csv", found), label=label, **roles)
    toml = folder / "fullturn.toml"
    text = re.sub("candidates = .", "candidates = 2", toml.read_text())
    toml.write_text(text.replace("latency_p95_ms = 100.0", "latency_p95_ms = 10_000.0"))
    (folder / ".fullturn").mkdir()
    shutil.copy(database, folder / ".fullturn" / "mlflow.db")
    return Workspace.open(folder)


def checks_of_champion(project: Workspace) -> dict[str, CheckResult]:
    """The checks of the gate that the champion passed, by code."""
    [entry] = histories.read(project.store).entries
    report = stored_report(project, entry.gate or "")
    assert report.outcome == "PASSED"
    return {one.code: one for one in report.results}


@pytest.fixture(scope="session")
def tabular_once(once: Once, empty_database: Path) -> Path:
    """A project for a classification after its first turn."""

    def make(folder: Path) -> None:
        turn(started(folder, empty_database, "left"))

    return once.folder("tabular", make)


@pytest.fixture(scope="session")
def quantity_once(once: Once, empty_database: Path) -> Path:
    """A project for a regression after its first turn."""

    def make(folder: Path) -> None:
        turn(started(folder, empty_database, "points", task="regression"))

    return once.folder("quantity", make)


@pytest.fixture
def project(tabular_once: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(copied(tabular_once, tmp_path / "project"))


def row(**cells: Any) -> dict[str, Any]:
    """A request without the optional column `income`."""
    found = {"age": 30, "city": "Berlin", "member": True, "joined": "2024-03-05T10:00:00+02:00"}
    return {**found, **cells}


def test_the_first_turn_makes_a_champion(project: Workspace) -> None:
    found = checks_of_champion(project)
    assert found["EVAL02"].figures["metric"] == "one_minus_brier"
    assert found["BNDL02"].outcome == "PASSED"
    assert "EVAL04" in found and "left=no" in found["EVAL04"].figures["slices"]


def test_a_row_may_lack_an_optional_column_but_no_other(project: Workspace) -> None:
    [answered] = predict(project, [row()])
    assert answered.output["label"] in ("yes", "no") and answered.input["income"] is None
    asked = row(town="Berlin")
    del asked["city"]
    with pytest.raises(DataError, match="lacks 'city' and has 'town', which is no input"):
        predict(project, [asked])


def test_what_training_never_had_is_counted_by_name_while_it_is_served(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    new = [row(city="Tokyo"), row(city="Tokyo", age=60), row(city="Kyoto"), row()]
    with server(project, port=0) as address:
        send = {"json": {"inputs": [{**one, "surplus": 1} for one in new]}, "timeout": PATIENCE}
        answer = httpx.post(f"{address}/predict", trust_env=False, **send)
        assert answer.status_code == 200, answer.text
        outputs = answer.json()["outputs"]
        assert [out.get("unseen") for out in outputs] == [
            {"city": "Tokyo"}, {"city": "Tokyo"}, {"city": "Kyoto"}, None,
        ]  # fmt: skip
        text = httpx.get(f"{address}/metrics", timeout=PATIENCE, trust_env=False).text
        assert "fullturn_extended_rows_total 4.0" in text
    seen = monitor(project)
    counted = [(one.column, one.category, one.requests) for one in seen.unseen]
    assert counted == [("city", "Tokyo", 2), ("city", "Kyoto", 1)]
    assert run(["-C", str(project.root), "monitor"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "categories that training never had: city 'Tokyo' 2, city 'Kyoto' 1" in shown


def test_a_quantity_goes_through_a_turn_in_its_unit(quantity_once: Path, tmp_path: Path) -> None:
    project = Workspace.open(copied(quantity_once, tmp_path / "project"))
    found = checks_of_champion(project)
    assert found["EVAL02"].figures["metric"] == "mae"
    [answered] = predict(project, [row()])
    assert 0 <= answered.output["value"] <= 6
