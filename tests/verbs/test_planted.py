"""Every guard is itself tested: planted faults that it must catch, a good one it must let by."""

from pathlib import Path

import pytest

from fullturn.core.entities import CheckResult, GateReport
from fullturn.core.errors import RowsMissing
from fullturn.core.tags import PREFIX
from fullturn.registry import versions
from fullturn.verbs import gate, promote
from fullturn.verbs.data import commit
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.verbs.conftest import impatient, write_rows
from tests.verbs.toy import messages

pytestmark = pytest.mark.slow


def gated(project: Workspace, fault: str = "none") -> GateReport:
    trial = train(project, {"fault": fault})
    return gate.gate(project, trial.run.id).report


def result(report: GateReport, code: str) -> CheckResult:
    return next(each for each in report.results if each.code == code)


def test_a_good_candidate_passes_registers_and_is_promoted(project: Workspace) -> None:
    trial = train(project, {})
    found = gate.gate(project, trial.run.id)
    assert found.report.outcome == "PASSED", [
        (r.code, r.reason) for r in found.report.results if r.outcome != "PASSED"
    ]
    assert found.version is not None
    promote.promote(project, str(found.version.version), "good")
    again = gate.gate(project, trial.run.id)
    assert again.report.outcome == "PASSED"
    assert again.version == versions.version(project.store, "champion") or again.version


@pytest.mark.parametrize(
    ("fault", "code", "outcomes"),
    [
        ("shuffled labels", "EVAL02", {"FAILED", "INCONCLUSIVE"}),
        ("constant", "EVAL02", {"FAILED", "INCONCLUSIVE"}),
        ("random", "BEHV04", {"FAILED"}),
        ("ruins a slice", "EVAL04", {"FAILED"}),
        ("slow", "SERV01", {"FAILED"}),
        ("loses rows", "EVAL01", {"FAILED"}),
        ("case", "BEHV02", {"FAILED"}),
    ],
)
def test_a_planted_fault_is_caught_by_its_check(
    project: Workspace, fault: str, code: str, outcomes: set[str]
) -> None:
    report = gated(impatient(project) if fault == "slow" else project, fault)
    assert result(report, code).outcome in outcomes, result(report, code).reason
    assert report.outcome != "PASSED"
    assert not project.store.versions(project.store.name)


def test_a_worse_candidate_does_not_replace_the_champion(project: Workspace) -> None:
    good = gate.gate(project, train(project, {}).run.id)
    assert good.version is not None
    promote.promote(project, str(good.version.version), "good")
    report = gated(project, "ruins a slice")
    assert result(report, "EVAL03").outcome == "FAILED"


def test_training_on_test_rows_is_caught(project: Workspace) -> None:
    trial = train(project, {})
    rows = messages(1000, seed=1)
    copies = [{**row, "text": row["text"].upper() + "!", "split": "train"} for row in rows[:300]]
    write_rows(project.root / "copies.csv", [{**row, "split": ""} for row in rows] + copies)
    project.store.tag_run(trial.run.id, {})
    stored = project.store.get(trial.run.id, "evaluation/trained.json").read_text()
    from fullturn.evaluation.records import fingerprint
    from fullturn.verbs.workspace import load

    leaked = fingerprint(load(project).split("test")[0])
    project.store.put_text(
        trial.run.id, stored.replace('"fingerprints": [', f'"fingerprints": ["{leaked}", '),
        "evaluation/trained.json",
    )  # fmt: skip
    report = gate.gate(project, trial.run.id).report
    assert result(report, "DATA02").outcome == "FAILED"


def test_rows_equal_to_a_test_row_are_withheld_from_training(project: Workspace) -> None:
    from fullturn.verbs.parts.training import training_view
    from fullturn.verbs.workspace import load

    first = load(project)
    shouted = [
        {
            **dict(e.input),
            **dict(e.expected),
            "channel": "chat",
            "text": e.input["text"].upper(),
            "split": "train",
        }
        for e in first.split("test")[:20]
    ]
    write_rows(project.root / "more.csv", shouted)
    everything = messages(1000, seed=1)
    write_rows(project.root / "messages.csv", [{**row, "split": ""} for row in everything])
    commit(project, [project.root / "messages.csv", project.root / "more.csv"], "leaky")
    second = load(project)
    texts = {e.input["text"] for e in training_view(second, "drop").examples}
    assert not texts & {row["text"] for row in shouted}


def test_no_gate_begins_without_the_rows_that_were_trained_on(project: Workspace) -> None:
    trial = train(project, {})
    project.store.tag_run(trial.run.id, {PREFIX + "data_digest": "0" * 64})
    with pytest.raises(RowsMissing, match="0{12}.*are not in"):
        gate.gate(project, trial.run.id)
    assert project.store.runs("gate") == []


@pytest.mark.parametrize(
    ("damage", "code"),
    [("missing", "BNDL01"), ("changed", "BNDL01"), ("pickle", "BNDL02")],
)
def test_a_damaged_bundle_is_caught(project: Workspace, damage: str, code: str) -> None:
    trial = train(project, {})
    file = model_file(project, trial.run.tags[PREFIX + "model"])
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b" ")
    else:
        file.write_bytes(b"\x80\x04K\x01.")
    report = gate.gate(project, trial.run.id).report
    assert result(report, code).outcome == "FAILED"
    assert result(report, "EVAL02").outcome == "INCONCLUSIVE"
    assert "no evidence" in result(report, "EVAL02").reason


def test_a_waiver_is_recorded_with_its_reason(project: Workspace) -> None:
    project = impatient(project)
    trial = train(project, {"fault": "slow"})
    found = gate.gate(project, trial.run.id, waive={"SERV01": "only used at night"})
    assert found.report.outcome == "PASSED"
    assert found.version is not None
    assert found.version.tags[f"{PREFIX}waived.SERV01"] == "only used at night"


def model_file(project: Workspace, source: str) -> Path:
    return project.store.fetch_model(source) / "bundle" / "model.json"
