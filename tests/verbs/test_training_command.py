"""`[train] command`: the training that a team already has, with not a line of it changed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fullturn.core.errors import AppError, BundleError, SettingsError, UsageError
from fullturn.core.settings import Settings
from fullturn.core.tags import OriginTags, TrainingTags
from fullturn.subjects.catalog import find
from fullturn.subjects.mlflow_model.trained import TrainedModel
from fullturn.tracking.cache_keys import train_packages, training_key
from fullturn.tracking.runs import journal_path
from fullturn.verbs import gate, lineage, promote
from fullturn.verbs.data import commit
from fullturn.verbs.predict import predict
from fullturn.verbs.runs import runs
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.projects import Once, copied
from tests.registered import team_folder
from tests.verbs.conftest import changed
from tests.waiting import is_alive, wait_until

TOML = """\
name = "retention"
app = "mlflow_model"

[data]
files = ["customers.csv"]
label = "churned"
id = "id"

[data.columns]
age = "number"
income = "number"
city = "category"

[train]
command = "python train.py --strength {strength}"
params = { strength = 1, mode = "good" }
space = { strength = [1, 0.001] }

[experiment]
owner = "tester"

[gates]
margin = 0.1
latency_p95_ms = 60000.0
"""
SCRIPT = """\
import argparse
import os

import pandas as pd

mode = os.environ["FULLTURN_PARAM_MODE"]
parser = argparse.ArgumentParser()
parser.add_argument("--strength", type=float)
strength = parser.parse_args().strength
train = pd.read_parquet(os.environ["FULLTURN_TRAIN"])
print(f"{len(train)} rows, columns {list(train.columns)}, seed {os.environ['FULLTURN_SEED']}")
if mode == "reads the test":
    pd.read_parquet(os.environ["FULLTURN_TEST"])
import mlflow

mlflow.set_experiment("the team's own")


def log(model, name="model", form="skops"):
    from mlflow.models import infer_signature
    columns = train[["age", "income", "city"]]
    signature = infer_signature(columns, train["churned"])
    mlflow.sklearn.log_model(
        model, name=name, serialization_format=form, signature=signature,
        pip_requirements=["scikit-learn"],
    )


def fitted():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(), ["city"])
    )
    model = make_pipeline(columns, LogisticRegression(C=strength))
    return model.fit(train[["age", "income", "city"]], train["churned"])


with mlflow.start_run(run_name="theirs") as run:
    if mode == "another value":
        strength = 5
    mlflow.log_params({"strength": strength, "solver": "lbfgs"})
    for step in range(300):
        mlflow.log_metric("loss", 1 / (1 + step), step=step)
    mlflow.log_metrics({"auc": 0.5, "f1": float("nan")}, step=3)
    mlflow.set_tag("team", "growth")
    if mode == "waits":
        import time
        open("waiting", "w").write(str(os.getpid()))
        time.sleep(600)
    if mode == "killed":
        os.kill(os.getpid(), 9)
    if mode == "raises":
        raise ValueError("no such column")
    if mode != "nothing":
        model = fitted()
        log(model)
    if mode == "two":
        log(model, "other", "cloudpickle")
    if mode == "good":
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
        assert len(history) == 300, len(history)
        try:
            mlflow.log_metric("loss", "high")
        except mlflow.exceptions.MlflowException as error:
            print("refused", type(error).__name__)
"""


def make(root: Path, database: Path) -> None:
    team_folder(root, database, TOML, count=600)
    (root / "train.py").write_text(SCRIPT)
    commit(Workspace.open(root), [], "first")


@pytest.fixture
def project(once: Once, empty_database: Path, tmp_path: Path) -> Workspace:
    made = once.folder("command", lambda folder: make(folder, empty_database))
    return Workspace.open(copied(made, tmp_path / "project"))


def output(project: Workspace, run: str) -> str:
    return project.store.get(run, "training/output.txt").read_text()


@pytest.mark.slow
def test_a_training_of_their_own_is_searched_gated_promoted_and_asked(project: Workspace) -> None:
    trials = train(project, search=2)
    assert {trial.run.params["strength"] for trial in trials} == {"1", "0.001"}
    best = trials[0].run
    assert best.status == "FINISHED" and best.params["solver"] == "lbfgs"
    assert {trial.run.name for trial in trials} == {"defaults", "strength=0.001"}
    assert best.metrics["auc"] == 0.5 and best.metrics["loss"] == pytest.approx(1 / 300)
    assert best.tags["team"] == "growth"
    said = output(project, best.id)
    trained = len(project.store.get(best.id, "evaluation/trained.json").read_bytes())
    assert trained and "columns ['id', 'age', 'income', 'city', 'churned'], seed 0" in said
    assert "refused MlflowException" in said
    model, own = project.store.logged_models(best.id)
    assert model.name == "model" and own.source == TrainingTags.read(best.tags).model
    assert TrainingTags.read(best.tags).refers_to is None  # it was trained here
    assert project.subject.can("training") and not project.subject.can("registered models")
    found = gate.gate(project, best.id)
    assert found.report.outcome == "PASSED" and found.version
    outcomes = {one.code: one.outcome for one in found.report.results}
    assert outcomes["DATA02"] == "PASSED" and outcomes["BNDL02"] == "PASSED"
    promote.promote(project, "1", "the first")
    answers = predict(project, [{"age": 60.0, "income": 5.0, "city": "Bern"}])
    assert answers[0].output["label"] == "yes"
    made = lineage.lineage(project, "1")
    assert made.run == best.id and made.data == "1"
    assert trials[0].run.id == train(project, cached=True).run.id
    with pytest.raises(UsageError, match=r"trained by \[train\] command"):
        project.subject.parameters_of("models:/churn/1")
    names = {one.name for one in project.store._client.search_experiments()}  # noqa: SLF001
    assert names == {"Default", "template", "retention"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "error", "said"),
    [
        ("killed", AppError, "was ended by SIGKILL. Its last lines:\n  .* rows, columns"),
        ("nothing", AppError, "logged no model: log one with MLflow"),
        (
            "another value",
            AppError,
            "parameter 'strength' is 1 in this run, and the command logs 5",
        ),
        ("reads the test", AppError, "exit code 1(.|\n)*KeyError: 'FULLTURN_TEST'"),
    ],
)
def test_a_training_that_fails_says_why_and_loses_nothing(
    project: Workspace, mode: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        train(project, {"mode": mode})
    (failed,) = runs(project)
    assert failed.status == "FAILED" and OriginTags.read(failed.tags).error
    assert "rows, columns" in output(project, failed.id)
    if mode in ("killed", "nothing"):
        steps = project.store._client.get_metric_history(failed.id, "loss")  # noqa: SLF001
        assert len(steps) == 300  # every value that was logged before the end
    assert not list(journal_path(project.state, failed.id).parent.iterdir())
    assert not list((project.state / "runs" / failed.id).glob("data-*"))


@pytest.mark.slow
def test_the_end_of_fullturn_ends_the_training_and_loses_no_metric(project: Workspace) -> None:
    started = project.root / "waiting"
    words = [sys.executable, "-m", "fullturn", "train", "-p", "mode=waits"]
    with subprocess.Popen(words, cwd=project.root, stderr=subprocess.DEVNULL) as process:
        wait_until("the training has begun", lambda: started.exists() and started.read_text())
        process.send_signal(signal.SIGKILL)
    child = int(started.read_text())
    wait_until("the training has ended", lambda: not is_alive(child))
    (ended,) = runs(project)  # which delivers what waits in journals
    assert ended.status == "KILLED"
    steps = project.store._client.get_metric_history(ended.id, "loss")  # noqa: SLF001
    assert len(steps) == 300


def test_packages_of_another_environment_are_part_of_the_key(project: Workspace) -> None:
    named = changed(project, "[train]\n", '[train]\npython = "env/bin/python"\n')
    packages = project.root / "env" / "lib" / "python3.11" / "site-packages"
    keys = []
    for version in ("4.6.0", "4.7.0"):
        (packages / f"LightGBM-{version}.dist-info").mkdir(parents=True)
        keys.append(training_key(named.settings, named.root, {}, 0, "digest"))
        assert f"lightgbm=={version}" in train_packages(named.settings, named.root)
    assert keys[0] != keys[1] and not train_packages(project.settings, project.root)


@pytest.mark.slow
def test_one_of_several_models_is_chosen_by_name_over_a_server(
    project: Workspace, server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    with pytest.raises(AppError, match=r"logged 2 models: 'model' \(models:/m-.*model = 'NAME'"):
        train(project, {"mode": "two"})
    (run,) = runs(project)
    assert run.metrics["auc"] == 0.5 and len(project.store.logged_models(run.id)) == 2

    def choose(name: str) -> TrainedModel:
        app = find("mlflow_model", settings(name), project.root, lambda: project.store)
        assert isinstance(app, TrainedModel)
        return app

    def settings(name: str) -> Settings:
        train = project.settings.train.model_copy(update={"model": name})
        return project.settings.model_copy(update={"train": train})

    with pytest.raises(AppError, match=r"'third': the command logged 'model' .*, 'other' "):
        choose("third").refer(run.id, project.root)
    with pytest.raises(BundleError, match=r"can run any code when it is loaded.*allow_pickle = t"):
        choose("other").refer(run.id, project.root)
    choose("model").refer(run.id, project.root)
    assert (project.root / "reference.json").exists()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[train]\n", '[model]\nuri = "models:/churn"\n[train]\n', "remove one of the two"),
        ('app = "mlflow_model"', 'app = "classifier"', "trains models with app = 'mlflow_model'"),
        ("{strength}", "{lr}", "names {lr}, which is no parameter"),
        ("[train]\n", '[train]\npython = ".venv-train/bin/python"\n', "no interpreter at"),
        ("mode =", "seed =", "'seed': a parameter's name"),
        ("mode =", '"STRENGTH" =', "are both FULLTURN_PARAM_STRENGTH"),
        ('age = "number"\nincome = "number"\ncity = "category"\n', "", r"\[data.columns\] is not"),
    ],
)
def test_settings_that_contradict_are_refused_before_a_run_begins(
    project: Workspace, before: str, after: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        train(changed(project, before, after))
    assert not project.store.runs()


def test_the_process_needs_no_package_of_fullturns(project: Workspace) -> None:
    """Its environment may be another one: only MLflow has to be there."""
    source = Path(sys.modules["fullturn"].__file__ or "").parents[1]
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import fullturn.store.journaling"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
