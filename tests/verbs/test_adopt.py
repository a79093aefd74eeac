"""`fullturn adopt`: one command from a registered model to the first report of its gate."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fullturn.cli import main
from fullturn.core import settings
from fullturn.core.errors import BundleError, DataError, NotFound, UsageError
from fullturn.core.tags import VersionTags
from fullturn.verbs import data, history, lineage, predict, verify
from fullturn.verbs.adopt import Adopted, adopt
from fullturn.verbs.gate import gate
from fullturn.verbs.turn import LoopRunner
from fullturn.verbs.workspace import Workspace
from tests.projects import copied
from tests.registered import OWN, customers, theirs
from tests.verbs.conftest import write_rows

pytestmark = pytest.mark.slow
UNSEEN = "trained last year; these customers came since"
ROW = {"age": 55.0, "income": 4.0, "city": "Bern"}


@pytest.fixture
def team(registered_once: Path, tmp_path: Path) -> Path:
    """A folder with the tracking store of a team, and a file with its customers.

    The newest version of `churn`, 5, is the same archive of skops as 1, its champion.
    """
    folder = copied(registered_once, tmp_path / "team")
    client = client_of(folder)
    first = client.get_model_version("churn", "1")
    client.create_model_version("churn", first.source, first.run_id)
    return folder


def client_of(folder: Path) -> Any:
    from fullturn.store.client import pointed_at

    return pointed_at(f"sqlite:///{folder / '.fullturn' / 'mlflow.db'}").MlflowClient()


@pytest.fixture
def adopting(team: Path, tmp_path: Path) -> Callable[..., Adopted]:
    def call(model: str = "models:/churn", **options: Any) -> Adopted:
        given = {"data": team / "customers.csv", "label": "churned", "id": "id", "name": "leavers"}
        given |= options
        uri = f"sqlite:///{team / '.fullturn' / 'mlflow.db'}"
        return adopt(model, tmp_path / "new", tracking_uri=uri, **given)

    return call


def outcomes(found: Adopted) -> dict[str, str]:
    return {one.code: one.outcome for one in found.gated.report.results}


def concluded(found: Adopted) -> dict[str, tuple[str, str]]:
    return {one.what: (one.found, one.why) for one in found.conclusions}


def test_an_address_that_is_relative_means_the_same_file_in_the_project(
    team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(team)
    place = tmp_path / "new"
    adopt(
        "models:/churn", place, data="customers.csv", label="churned", id="id", unseen=UNSEEN,
        tracking_uri="sqlite:///.fullturn/mlflow.db",
    )  # fmt: skip
    monkeypatch.chdir(place)
    assert [one.action for one in history.history(Workspace.open(place))] == ["adoption"]


def test_the_champion_that_there_was_begins_the_history_and_nothing_is_changed(
    adopting: Callable[..., Adopted], team: Path
) -> None:
    before = theirs(team)
    found = adopting(unseen=UNSEEN)
    assert found.champion and found.champion.action == "adoption"
    why = "models:/churn/1 was the champion of its team, by its alias 'champion'"
    assert found.champion.reason == why
    assert found.gated.report.champion == "version 1"
    waived = {one.code: one.waived for one in found.gated.report.results if one.waived}
    assert waived == {"DATA02": f"[model] unseen: {UNSEEN}"}
    assert found.gated.version and found.exit_code == 0
    project = Workspace.open(found.folder)
    [entry] = history.history(project)
    assert (entry.action, entry.version, entry.seal) == ("adoption", 1, "valid")
    assert entry.actor == project.owner
    assert predict.predict(project, [ROW])[0].output["label"] == "yes"
    origin = lineage.of_version(project, "champion")
    assert origin.refers_to.startswith("models:/churn/1, made elsewhere")
    assert [one.action for one in origin.promotions] == ["adoption"]
    assert theirs(team) == before
    text = (found.folder / settings.FILE).read_text()
    assert 'task = "classification"  # the model answers no, yes' in text
    assert '"age" = "number"  # double in the signature; numbers from' in text
    assert '"city" = "category"  # string in the signature; 3 different values' in text
    assert settings.read(found.folder).gates.metrics == ("roc_auc",)
    read = "age (number), income (number), city (category)"
    assert concluded(found)["the model reads"][0] == read


def test_equal_rows_remain_without_an_id(adopting: Callable[..., Adopted], team: Path) -> None:
    """`init` and `adopt` read a table alike: they were dropped as copies here alone."""
    names = ("age", "income", "city", "churned")
    rows = [{name: row[name] for name in names} for row in customers(300, 9)]
    twice = write_rows(team / "twice.csv", [*rows, *rows[:50]])
    found = adopting(data=twice, id=None)
    settled = settings.read(found.folder).data
    assert settled.equal_rows == "group"
    text = (found.folder / settings.FILE).read_text()
    assert "rows have the inputs of another: all remain, and share a split" in text
    version = data.log(Workspace.open(found.folder))[-1]
    assert version.rows == len(rows) + 50


def test_what_is_unknown_is_called_unknown_and_blocks(adopting: Callable[..., Adopted]) -> None:
    found = adopting("models:/churn/5")
    assert concluded(found)["training rows"][0] == "unknown"
    assert outcomes(found)["DATA02"] == "INCONCLUSIVE" and found.exit_code == 3
    project = Workspace.open(found.folder)
    assert found.gated.version is None and len(history.history(project)) == 1
    verified = {one.name: one for one in verify.verify(project, "1").findings}
    assert verified["history"].outcome == "PASSED"
    assert verified["evidence"].outcome == "INCONCLUSIVE"
    assert "version 1 was adopted: models:/churn/5 was champion" in verified["evidence"].reason
    assert "`fullturn gate 1`" in verified["evidence"].reason
    path = found.folder / settings.FILE
    path.write_text(path.read_text().replace("# unseen = ", "unseen = "))
    again = gate(Workspace.open(found.folder), "1")
    assert again.report.outcome == "PASSED" and again.version and again.version.version == 1
    assert verify.verify(Workspace.open(found.folder), "1").outcome == "PASSED"


def test_a_turn_gates_and_promotes_what_somebody_registers(
    adopting: Callable[..., Adopted], team: Path
) -> None:
    found = adopting("models:/churn/5", unseen=UNSEEN)
    client = client_of(team)
    second = client.get_model_version("churn", "2")
    client.create_model_version("churn", second.source, second.run_id)
    steps = list(LoopRunner(Workspace.open(found.folder)).turn())
    said = {step.stage: step.what for step in steps}
    assert said["experiments"] == "the candidate is 'models:/churn/6'"
    assert said["registry"].endswith("is champion")
    champion = lineage.of_version(Workspace.open(found.folder), "champion")
    assert champion.refers_to.startswith("models:/churn/6,")
    keep = ("id", "age", "income", "city", "churned")
    rows = [{k: row[k] for k in keep} for row in customers(600, seed=9)]
    write_rows(found.folder / "customers.csv", rows)
    steps = list(LoopRunner(Workspace.open(found.folder)).turn())
    assert [step.stage for step in steps if step.done] == ["data"]  # it is the same model


def test_adoption_goes_on_where_it_was_interrupted(
    adopting: Callable[..., Adopted], team: Path
) -> None:
    first = adopting(unseen=UNSEEN)
    second = adopting()
    assert second.champion and first.champion
    assert second.champion.number == first.champion.number == 1
    assert len(history.history(Workspace.open(first.folder))) == 1
    with pytest.raises(UsageError, match="has another project already"):
        adopting("models:/spend")


def test_without_an_alias_and_a_version_there_is_no_champion_yet(
    adopting: Callable[..., Adopted], team: Path
) -> None:
    rows = [{k: v for k, v in row.items() if k != "churned"} for row in customers(400, seed=4)]
    write_rows(team / "spending.csv", rows)
    found = adopting("models:/spend", data=team / "spending.csv", label="spent", unseen=UNSEEN)
    assert found.champion is None and concluded(found)["champion"][0] == "none"
    assert found.gated.report.champion is None
    text = (found.folder / settings.FILE).read_text()
    assert 'task = "regression"  # the model answers numbers, and the label has' in text
    assert settings.read(found.folder).model.scale
    assert settings.read(found.folder).gates.metrics == ("mae", "r2")
    assert outcomes(found)["EVAL02"] == "FAILED"  # the newest is the worse one


def test_a_model_without_a_signature_has_the_columns_of_the_table(
    adopting: Callable[..., Adopted],
) -> None:
    found = adopting("models:/churn-bare/1", unseen=UNSEEN)
    kinds = settings.read(found.folder).data.columns
    assert kinds == {"age": "number", "income": "number", "city": "category"}
    assert found.gated.report.outcome == "PASSED"


def refused(adopting: Callable[..., Adopted], tmp_path: Path, **options: Any) -> str:
    model = options.pop("model", "models:/churn/1")
    with pytest.raises((UsageError, BundleError, DataError, NotFound)) as error:
        adopting(model, **options)
    assert not (tmp_path / "new").exists()  # nothing was written
    return str(error.value)


def test_what_cannot_be_adopted_is_refused_before_anything_is_written(
    adopting: Callable[..., Adopted], tmp_path: Path, team: Path
) -> None:
    assert "add --allow-pickle" in refused(adopting, tmp_path, model="models:/churn-own")
    assert "did you mean 'models:/churn'" in refused(adopting, tmp_path, model="churn")
    assert "does not exist" in refused(adopting, tmp_path, model="models:/nobody")
    said = refused(adopting, tmp_path, label="churn")
    assert "no column 'churn'; did you mean 'churned'?" in said
    said = refused(adopting, tmp_path, label="city")
    assert "reads city: a column that a model reads cannot also be the label" in said
    rows = [{**row, "churned": row["churned"].upper()} for row in customers(100, seed=3)]
    write_rows(team / "capitals.csv", rows)
    said = refused(adopting, tmp_path, data=team / "capitals.csv")
    assert "answers no, yes, and the label of the data is NO, YES: they have no label in" in said
    rows = [{k: v for k, v in row.items() if k != "income"} for row in rows]
    write_rows(team / "fewer.csv", rows)
    said = refused(adopting, tmp_path, data=team / "fewer.csv")
    assert "reads income, which the data lack" in said
    with pytest.raises(UsageError, match="--tracking-uri, or MLFLOW_TRACKING_URI"):
        adopt("models:/churn", tmp_path / "new", data=team / "customers.csv", label="churned")


def test_a_version_that_is_deleted_while_it_is_judged_changes_nothing(
    adopting: Callable[..., Adopted], team: Path
) -> None:
    found = adopting("models:/churn/5", unseen=UNSEEN)
    project, client = Workspace.open(found.folder), client_of(team)
    deleted: list[str] = []

    def progress(what: str, done: int, total: int) -> None:
        if what == "candidate" and not deleted:
            client.delete_model_version("churn", "2")
            deleted.append("2")

    judged = gate(project, "models:/churn/2", progress=progress)
    assert deleted and judged.report.outcome == "PASSED"  # its files are there
    assert judged.version and VersionTags.read(judged.version.tags).refers_to == "models:/churn/2"
    assert [entry.version for entry in history.history(project)] == [1]


def test_the_command_on_a_server_with_three_versions(
    server_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register_three(server_uri, tmp_path)
    before = on_server(server_uri)
    with (tmp_path / "c.csv").open("w", newline="") as file:
        rows = customers(400, seed=2)
        writer = csv.DictWriter(file, ["age", "income", "city", "churned"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(SystemExit) as ended:
        main(["adopt", "models:/leavers", "--data", str(tmp_path / "c.csv"), "--label", "churned",
              "--tracking-uri", server_uri, "--allow-pickle", str(tmp_path / "new")])  # fmt: skip
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code in (1, 3)
    assert "adopted models:/leavers" in said and "by its alias 'champion'" in said
    assert "DATA02" in said and "unknown: no record says which rows" in said
    assert "allow_pickle = true: it is only loaded in a process of its own" in said
    assert on_server(server_uri) == before


def register_three(uri: str, folder: Path) -> None:
    """A pickled model, an archive of skops, and code of their own; the first is champion."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from fullturn.store.client import pointed_at

    mlflow = pointed_at(uri)
    table = pd.DataFrame(customers(300, seed=1))
    inputs, labels = table[["age", "income", "city"]], table["churned"]
    columns = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    fitted = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(inputs, labels)
    signature = mlflow.models.infer_signature(inputs, labels)
    common = {
        "name": "model", "registered_model_name": "leavers", "signature": signature,
        "pip_requirements": ["scikit-learn"],
    }  # fmt: skip
    (folder / "own.py").write_text(OWN)
    mlflow.set_experiment("their team")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for form in ("cloudpickle", "skops"):
            mlflow.sklearn.log_model(fitted, serialization_format=form, **common)
        mlflow.pyfunc.log_model(
            python_model=str(folder / "own.py"), model_config={"fault": "none"}, **common
        )
    mlflow.MlflowClient().set_registered_model_alias("leavers", "champion", 1)


def on_server(uri: str) -> list[str]:
    """What the server says of their model."""
    from fullturn.store.client import pointed_at

    client = pointed_at(uri).MlflowClient()
    versions = client.search_model_versions("name='leavers'")
    return [repr(client.get_registered_model("leavers")), *sorted(map(repr, versions))]
