"""Metrics that fullturn.toml names, through training, the gate and comparison, on real MLflow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fullturn.core.entities import Code
from fullturn.core.errors import SettingsError
from fullturn.core.tags import NOTE
from fullturn.core.wording import figure
from fullturn.pipeline.records import Checkout, Delivery, StepResult
from fullturn.verbs.ci.report import collect
from fullturn.verbs.compare import compare
from fullturn.verbs.data import commit
from fullturn.verbs.gate import gate
from fullturn.verbs.parts import references
from fullturn.verbs.parts.candidate import best_of
from fullturn.verbs.promote import promote
from fullturn.verbs.train import Trials, train
from fullturn.verbs.workspace import Workspace
from tests.verbs.conftest import write_rows
from tests.verbs.prices import houses

pytestmark = pytest.mark.slow

TOML = """\
name = "prices"
app = "tests.verbs.prices:Prices"

[data]
files = ["houses.csv"]
train_share = 0.3
validation_share = 0.3

[gates]
margin = 0.05
metrics = ["rmse", "r2"]
margins = { rmse = 5.0, r2 = 0.05 }
floors = { rmse = 30.0 }
"""


@pytest.fixture
def root(tmp_path: Path, empty_database: Path) -> Path:
    """A project around an app that predicts prices, with one dataset version."""
    root = tmp_path / "project"
    (root / ".fullturn").mkdir(parents=True)
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    (root / "fullturn.toml").write_text(TOML)
    write_rows(root / "houses.csv", houses(1500, seed=1))
    commit(Workspace.open(root), [], "first")
    return root


def test_a_regression_is_gated_by_rmse_in_its_own_unit(root: Path) -> None:
    project = Workspace.open(root)
    first = train(project, {}, name="first").run
    assert first.metrics["validation.rmse"] == pytest.approx(20, abs=2)
    assert 0.95 < first.metrics["validation.r2"] < 1
    passed = gate(project, "first")
    assert passed.report.outcome == "PASSED", [r.reason for r in passed.report.results]
    promote(project, "1", "first")

    again = gate(project, "first", register=False).report
    found = {result.code: result for result in again.results}
    assert again.outcome == "PASSED", [r.reason for r in again.results]
    assert found["EVAL03"].figures["metrics"]["rmse"]["unit"] == "label's unit"
    assert "the difference is exactly 0" in found["EVAL03"].reason

    train(project, {"fault": "outliers"}, name="outliers")
    judged = gate(project, "outliers")
    worse = judged.report
    found = {result.code: result for result in worse.results}
    assert worse.outcome == "FAILED"
    assert found["EVAL03"].outcome == "FAILED" and found["EVAL03"].reason.startswith("rmse -")
    assert found["EVAL03"].figures["metrics"]["close"]["estimate"] > -0.05
    assert found["EVAL05"].outcome == "FAILED" and "ceiling 30" in found["EVAL05"].reason
    told = delivered(project, "outliers", judged.run).scores
    assert [one.name for one in told] == ["close", "rmse", "r2"]
    assert (told[1].unit, told[1].margin) == ("label's unit", 5.0)
    assert told[1].high < -5 and told[1].candidate > told[1].champion


def test_an_app_without_scores_is_chosen_and_gated_by_a_metric_in_its_unit(root: Path) -> None:
    file = root / "fullturn.toml"
    changed = TOML.replace(":Prices", ":Bare").replace("[gates]", '[gates]\nprimary = "rmse"')
    file.write_text(changed)
    project = Workspace.open(root)
    with pytest.raises(SettingsError, match=r"\[model\] scale is not set"):
        train(project, {})
    file.write_text(f"{changed}\n[model]\nscale = 200.0\n")
    project = Workspace.open(root)
    trials = [train(project, {"fault": fault}, name=fault)[0] for fault in ("outliers", "none")]
    worse, sound = (trial.run for trial in trials)
    assert set(sound.metrics) >= {f"validation.{name}" for name in ("closeness", "mae", "rmse")}
    assert best_of(project, [worse, sound]).id == sound.id
    assert trials[0].headline == f"rmse {figure(worse.metrics['validation.rmse'])}"
    clipped = trials[0].race.evaluation.clipped
    shown = Trials(trials)._repr_html_()
    assert "losses are above 1" in shown and f"{worse.metrics['validation.rmse']:.4g}" in shown
    assert clipped and f"{100 * clipped:.3g} % of the losses are above 1" in worse.tags[NOTE]

    report = gate(project, sound.id).report
    found = {result.code: result for result in report.results}
    assert report.outcome == "PASSED", [r.reason for r in report.results]
    assert found["EVAL02"].figures["metric"] == "rmse" and found["EVAL02"].figures["estimate"] > 50
    metrics = {one["name"]: one["judged"] for one in report.summary["metrics"]}
    assert metrics == {"mae": False, "rmse": True, "r2": True, "closeness": True}
    gated = gate(project, worse.id, register=False)
    assert gated.report.summary["clipped"]["candidate"] == pytest.approx(clipped, abs=0.02)
    figures = project.store.run(gated.run).metrics
    assert figures["test.rmse"] > figures["test.mae"] > 20

    compared = compare(project, worse.id, sound.id)
    assert [one.metric for one in compared.metrics] == ["rmse", "closeness", "r2", "mae"]
    assert compared.metrics[0].difference.high < -5
    assert "smallest detectable difference of rmse" in compared._repr_html_()


def delivered(project: Workspace, run: str, judged: str) -> Delivery:
    """What the report of a pipeline gathers of a gate."""
    checkout = Checkout(Code(None, False, None), None, None)
    steps = (StepResult("gate", "gate candidate", 1, 1.0),)
    return collect(project, steps, references.run(project, run), judged, checkout)


def test_a_wrong_name_is_refused_before_anything_is_evaluated(root: Path) -> None:
    file = root / "fullturn.toml"
    file.write_text(file.read_text().replace('"r2"', '"r22"'))
    project = Workspace.open(root)
    for verb in (lambda: train(project, {}), lambda: gate(project, "candidate")):
        with pytest.raises(SettingsError, match="there is no metric 'r22'; did you mean 'r2'"):
            verb()
    assert project.store.runs() == []
