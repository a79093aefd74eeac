"""Models that others registered: gated, compared, promoted, asked and served, and left as they
were."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fullturn.cli import main
from fullturn.core.errors import (
    AppError,
    BundleError,
    DataError,
    IntegrityError,
    NotFound,
    SettingsError,
    UsageError,
)
from fullturn.core.tags import TrainingTags, VersionTags
from fullturn.verbs import compare, data, gate, history, lineage, predict, promote, verify
from fullturn.verbs.parts import references
from fullturn.verbs.serve import server
from fullturn.verbs.turn import LoopRunner
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.registered import FAULTS, customers, theirs
from tests.verbs.conftest import changed, write_rows

pytestmark = pytest.mark.slow
KNOWN = {"DATA02": "trained last year; these customers came since"}
ROW = {"age": 55.0, "income": 4.0, "city": "Bern"}


@pytest.fixture
def project(registered_once: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(copied(registered_once, tmp_path / "project"))


@pytest.fixture(scope="session")
def gated(registered_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with their version 1 as its champion."""
    root = copied(registered_once, tmp_path_factory.mktemp("gated") / "project")
    opened = Workspace.open(root)
    gate.gate(opened, "models:/churn/1", waive=KNOWN)
    promote.promote(opened, "models:/churn/1", "the first")
    return root


@pytest.fixture
def champion(gated: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(copied(gated, tmp_path / "project"))


def allowing(project: Workspace) -> Workspace:
    return changed(project, "[model]\n", "[model]\nallow_pickle = true\n")


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def children() -> list[str]:
    """Processes of models that this one started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
            parent = (path.parent / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if "fullturn.store.model_process" in words and parent == str(os.getpid()):
            found.append(" ".join(words))
    return found


@pytest.fixture(autouse=True)
def _no_orphan() -> Iterator[None]:
    yield
    import gc

    gc.collect()
    assert children() == []


def outcomes(found: gate.GateResult) -> dict[str, str]:
    return {one.code: one.outcome for one in found.report.results}


def test_what_nobody_knows_of_a_model_blocks_until_it_is_waived(project: Workspace) -> None:
    before = theirs(project.root)
    found = gate.gate(project, "models:/churn/1")
    assert found.report.outcome == "INCONCLUSIVE" and found.version is None
    results = {one.code: one for one in found.report.results}
    assert results["DATA01"].outcome == "NOT_APPLICABLE"
    assert results["DATA01"].reason.startswith("the model is trained elsewhere")
    assert results["DATA02"].outcome == "INCONCLUSIVE"
    assert results["DATA02"].reason.startswith("unknown: no record says which rows")
    open_checks = {code for code, one in results.items() if one.outcome == "INCONCLUSIVE"}
    assert open_checks == {"DATA02"}
    assert results["EVAL02"].outcome == "PASSED"  # it beats the trivial baseline
    waived = gate.gate(project, "models:/churn/1", waive=KNOWN)
    assert waived.report.outcome == "PASSED" and waived.version
    tags = VersionTags.read(waived.version.tags)
    assert tags.refers_to == "models:/churn/1" and dict(tags.waived) == KNOWN
    assert waived.version.name == "retention"
    assert theirs(project.root) == before


def test_an_alias_and_the_newest_are_pinned_to_a_version(project: Workspace) -> None:
    for text in ("models:/churn@champion", "models:/churn/1"):
        assert references.run(project, text).params["model"] == "models:/churn/1"
    newest = changed(project, '"models:/churn/1"', '"models:/spend"')
    assert newest.subject.defaults == {"model": "models:/spend/2"}
    gone = changed(project, '"models:/spend"', '"models:/churn@nobody"')
    with pytest.raises(NotFound, match="no 'models:/churn@nobody'.*has the versions 1, 2, 3, 4"):
        _ = gone.subject.defaults


def test_the_same_model_passes_against_itself_and_a_worse_one_fails(champion: Workspace) -> None:
    before = theirs(champion.root)
    same = gate.gate(champion, "models:/churn/2", waive=KNOWN)
    assert same.report.outcome == "PASSED" and outcomes(same)["EVAL03"] == "PASSED"
    worse = gate.gate(champion, "models:/churn/3", waive=KNOWN)
    assert worse.report.outcome == "FAILED" and outcomes(worse)["EVAL03"] == "FAILED"
    assert worse.version is None
    found = compare.compare(champion, "models:/churn/2", "models:/churn/3")
    assert found.params == {"model": ("models:/churn/2", "models:/churn/3")}
    accuracy = found.metrics[0]
    assert accuracy.metric == "accuracy" and accuracy.difference.high < 0
    assert theirs(champion.root) == before


def test_a_promoted_model_answers_is_served_and_leads_back_to_its_team(
    champion: Workspace,
) -> None:
    before = theirs(champion.root)
    [answered] = predict.predict(champion, [ROW])
    assert answered.output["label"] == "yes"
    assert set(answered.output["probabilities"]) == {"no", "yes"}
    with server(champion, port=0) as address:
        said = httpx.post(f"{address}/predict", json={"inputs": [ROW]}).json()
        assert said["outputs"] == [answered.output] and said["version"] == 1
    origin = lineage.of_version(champion, "champion")
    assert origin.refers_to.startswith("models:/churn/1, made elsewhere by run ")
    assert origin.commit == "c0ffee" and origin.data == "unknown"
    assert [entry.version for entry in history.history(champion)] == [1]
    assert verify.verify(champion, "1").outcome == "PASSED"
    card = champion.store.get(str(origin.gate), "evidence/model-card.md").read_text()
    assert "Trained on" not in card and "refers to `models:/churn/1`" in card
    assert theirs(champion.root) == before


def test_plain_mlflow_loads_what_was_registered(champion: Workspace) -> None:
    import pandas as pd

    from fullturn.store.client import pointed_at

    mlflow = pointed_at(champion.store.uri)
    loaded = mlflow.pyfunc.load_model("models:/retention@champion")
    assert loaded.predict(pd.DataFrame([ROW]))[0]["label"] == "yes"


def test_a_turn_gates_the_named_model_and_trains_nothing(champion: Workspace) -> None:
    project = changed(champion, '"models:/churn/1"', '"models:/churn/2"')
    with pytest.raises(Exception, match="DATA02 INCONCLUSIVE: unknown"):
        list(LoopRunner(project).turn())
    assert references.run(project, "candidate").params == {"model": "models:/churn/2"}
    gate.gate(project, "candidate", waive=KNOWN)
    steps = list(LoopRunner(project).turn())
    assert [step.what for step in steps if step.stage == "registry"] == ["version 2 is champion"]
    experiments = next(step for step in steps if step.stage == "experiments")
    assert not experiments.done and "trained elsewhere" in experiments.why


def test_a_pickle_is_refused_unless_it_is_allowed_and_the_report_says_so(
    champion: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-C", str(champion.root), "gate", "models:/churn/4") == 4
    said = capsys.readouterr().err
    assert "models:/churn/4 can run any code" in said and "allow_pickle = true" in said
    found = gate.gate(allowing(champion), "models:/churn/4", waive=KNOWN)
    results = {one.code: one for one in found.report.results}
    assert found.report.outcome == "PASSED" and found.version
    assert results["BNDL02"].outcome == "FAILED"
    assert "model.pkl: cloudpickle" in results["BNDL02"].reason
    assert "process of its own" in str(results["BNDL02"].waived)
    assert "allow_pickle = true" in champion.store.get(found.run, "gate/report.md").read_text()
    again = changed(champion, "allow_pickle = true", "allow_pickle = false")
    with pytest.raises(BundleError, match="can run any code"):
        promote.promote(again, str(found.version.version), "allowed no longer")


def test_a_model_of_its_own_code_is_gated_from_its_process(champion: Workspace) -> None:
    before = theirs(champion.root)
    with pytest.raises(
        BundleError,
        match=r"\(own.py: loaded by mlflow.pyfunc.loaders.code_model, which may run any",
    ):
        gate.gate(champion, "models:/churn-own/1")
    found = gate.gate(allowing(champion), "models:/churn-own/1", waive=KNOWN)
    assert found.report.outcome in ("PASSED", "FAILED", "INCONCLUSIVE")
    codes = outcomes(found)
    assert codes["EVAL01"] == codes["BEHV04"] == codes["BNDL01"] == "PASSED"
    assert theirs(champion.root) == before


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raises", "predict() raised RuntimeError('no such region')"),
        ("loses rows", "predict() never returned one output per row"),
        ("gives nothing", "predict() gave None instead of a label"),
        ("dies", "its process ended with exit code 7 during predict()"),
        ("hangs", "predict() did not end within 2 s"),
        ("numbers", "0.9"),
    ],
)
def test_a_faulty_model_is_an_error_with_exit_code_4(
    champion: Workspace, capsys: pytest.CaptureFixture[str], fault: str, said: str
) -> None:
    project = allowing(champion)
    if fault == "hangs":
        project = changed(project, "[model]\n", "[model]\ntimeout = 2.0\n")
    number = FAULTS.index(fault) + 1
    code = run("-C", str(project.root), "gate", f"models:/churn-own/{number}")
    told = capsys.readouterr().err
    if fault == "numbers":  # probabilities without names are labels that never occur: it loses
        assert code == 1
        return
    assert code == 4 and said in told, told
    assert children() == []
    assert project.store.runs("train")[0].status == "FAILED"


def test_probabilities_without_names_get_them_from_the_settings(champion: Workspace) -> None:
    project = changed(allowing(champion), "[model]\n", '[model]\nclasses = ["no", "yes"]\n')
    number = FAULTS.index("numbers") + 1
    found = gate.gate(project, f"models:/churn-own/{number}", waive=KNOWN)
    assert outcomes(found)["EVAL02"] == "PASSED"


def test_without_a_signature_the_settings_name_the_columns(project: Workspace) -> None:
    bare = changed(project, '"models:/churn/1"', '"models:/churn-bare/1"')
    with pytest.raises(SettingsError, match=r"no signature with named columns.*\[data.columns\]"):
        _ = bare.subject.contract
    columns = '\n[data.columns]\nage = "number"\nincome = "number"\ncity = "category"\n'
    named = changed(bare, "\n[experiment]", f"{columns}\n[experiment]")
    kinds = [(one.name, one.kind, one.role) for one in named.subject.contract.columns]
    inferred = project.subject.contract.columns
    assert kinds == [(one.name, one.kind, one.role) for one in inferred]
    assert gate.gate(named, "models:/churn-bare/1", waive=KNOWN).report.outcome == "PASSED"
    assert gate.gate(named, "models:/churn/2", waive=KNOWN).report.outcome == "PASSED"


def test_rows_without_a_column_that_the_model_reads_are_an_error(project: Workspace) -> None:
    columns = '\n[data.columns]\nage = "number"\nincome = "number"\n'
    fewer = changed(project, "\n[experiment]", f"{columns}\n[experiment]")
    rows = [{k: row[k] for k in ("id", "age", "income", "churned")} for row in customers(200, 3)]
    write_rows(fewer.root / "customers.csv", rows)
    data.commit(fewer, confirm_fewer_rows=True)
    with pytest.raises(DataError, match=r"models:/churn/1 reads city, which the rows"):
        gate.gate(fewer, "models:/churn/1")


def test_a_regression_is_gated_by_its_error(project: Workspace) -> None:
    spent = changed(project, '"models:/churn/1"', '"models:/spend/1"\ntask = "regression"')
    spent = changed(spent, '"churned"', '"spent"')
    rows = [{k: v for k, v in row.items() if k != "churned"} for row in customers(500, seed=4)]
    write_rows(spent.root / "customers.csv", rows)
    data.commit(spent)
    with pytest.raises(SettingsError, match=r"\[model\] scale is not set"):
        gate.gate(spent, "models:/spend/1")
    spent = changed(spent, 'task = "regression"', 'task = "regression"\nscale = 200.0')
    good = gate.gate(spent, "models:/spend/1", waive=KNOWN)
    assert good.report.outcome == "PASSED" and good.version
    promote.promote(spent, str(good.version.version), "first")
    [answered] = predict.predict(spent, [ROW])
    assert answered.output["value"] == pytest.approx(100 + 3 * 55 + 40 * 4, abs=5)
    worse = gate.gate(spent, "models:/spend/2", waive=KNOWN)
    assert worse.report.outcome == "FAILED" and outcomes(worse)["EVAL03"] == "FAILED"


def test_files_that_were_changed_or_are_gone_are_noticed(champion: Workspace) -> None:
    run_id = references.version(champion, "champion").run_id
    source = json.loads(_reference(champion, run_id).read_text())["source"]
    folder = champion.store.fetch_model(source)
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)  # copies of the project have these files in common
    (folder / "requirements.txt").write_text("scikit-learn==0.1\n")
    again = Workspace.open(champion.root)
    with pytest.raises(IntegrityError, match="other files than when it was evaluated.*'requ"):
        predict.predict(again, [ROW])
    assert outcomes(gate.gate(again, "1", waive=KNOWN))["BNDL01"] == "FAILED"
    shutil.rmtree(folder)
    try:
        with pytest.raises(BundleError, match=r"files of models:/churn/1 .* are not available"):
            predict.predict(Workspace.open(champion.root), [ROW])
    finally:
        whole.rename(folder)


def _reference(project: Workspace, run_id: str) -> Path:
    model = TrainingTags.read(project.store.run(run_id).tags).model
    assert model
    return project.store.fetch_model(model) / "bundle" / "reference.json"


def test_an_app_that_trains_takes_no_registered_model(
    champion: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    own = changed(champion, 'app = "mlflow_model"', 'app = "classifier"')
    with pytest.raises(UsageError, match="app = 'mlflow_model' gates registered models"):
        gate.gate(own, "models:/churn/1")


def test_settings_that_are_missing_or_wrong_are_named(project: Workspace) -> None:
    without = changed(project, 'uri = "models:/churn/1"', "")
    with pytest.raises(SettingsError, match=r"\[model\] uri is not set"):
        _ = without.subject.contract
    with pytest.raises(SettingsError, match=r"model.uri' = 'churn'"):
        changed(without, "[model]\n", '[model]\nuri = "churn"\n')


def test_an_error_of_the_process_names_the_version(project: Workspace) -> None:
    allowed = allowing(project)
    with pytest.raises(AppError, match="models:/churn-own/5: its process ended"):
        references.run(allowed, "models:/churn-own/5")
