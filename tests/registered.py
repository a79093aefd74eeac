"""Models that another team has registered with plain MLflow, none of it fullturn's. Test data.

`churn` (who leaves?): versions 1 and 2 the same good model as skops, 3 one that learned from
shuffled labels, 4 the good one pickled. `churn-own` are models of their own code, with a fault
each: `FAULTS` names them by version. `churn-bare` has no signature. `spend` is a regression: 1 is
good, 2 worse.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.verbs.conftest import write_rows

FAULTS = (
    "none",
    "raises",
    "loses rows",
    "gives nothing",
    "dies",
    "hangs",
    "chatters",
    "numbers",
    "killed",
)
TOML = """\
name = "retention"
app = "mlflow_model"

[model]
uri = "models:/churn/1"

[data]
files = ["customers.csv"]
label = "churned"
id = "id"
train_share = 0.1
validation_share = 0.2

[experiment]
owner = "tester"

[gates]
margin = 0.1
latency_p95_ms = 60000.0
"""
OWN = """\
import os
import sys
import time

import mlflow
import pandas


class Own(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pandas.DataFrame, params=None):
        fault, rows = context.model_config["fault"], model_input.to_dict("records")
        if fault == "raises" and rows[0]["age"] > 0:
            raise RuntimeError("no such region")
        if fault == "dies":
            print("last words", file=sys.stderr, flush=True)
            os._exit(7)
        if fault == "killed":
            os.kill(os.getpid(), 9)
        if fault == "hangs":
            time.sleep(3600)
        if fault == "chatters":
            print("x" * 100_000, flush=True)
        sure = [1 / (1 + 2.718281828 ** -(row["age"] - 40)) for row in rows]
        if fault == "numbers":
            return sure
        found = [
            {"label": "yes" if one > 0.5 else "no", "probabilities": {"no": 1 - one, "yes": one}}
            for one in sure
        ]
        if fault == "gives nothing":
            return [None for _ in found]
        return found[1:] if fault == "loses rows" else found


mlflow.models.set_model(Own())
"""


def customers(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of which age, income and city say who leaves, and what they spend."""
    source, rows = random.Random(seed), []
    for number in range(count):
        age, income = round(source.gauss(40, 10), 1), round(source.gauss(3, 1), 2)
        city = source.choice(["Bern", "Basel", "Genf"])
        leaves = (age - 40) / 5 + 2 * (income - 3) + (city == "Bern") + source.gauss(0, 0.7) > 0
        rows.append(
            {"id": f"c{seed}-{number}", "age": age, "income": income, "city": city,
             "churned": "yes" if leaves else "no",
             "spent": round(100 + 3 * age + 40 * income + source.gauss(0, 5), 2)}
        )  # fmt: skip
    return rows


def register(uri: str, folder: Path) -> None:
    """Log and register all of them, as their team does."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from fullturn.store.client import pointed_at

    mlflow = pointed_at(uri)
    infer_signature = mlflow.models.infer_signature
    mlflow.create_experiment("their experiment", artifact_location=(folder / "theirs").as_uri())
    mlflow.set_experiment("their experiment")
    table = pd.DataFrame(customers(400, seed=1))
    inputs, labels = table[["age", "income", "city"]], table["churned"]
    signature = infer_signature(inputs, labels)

    def fitted(estimator: Any, target: Any) -> Any:
        columns = make_column_transformer(
            (StandardScaler(), ["age", "income"]), (OneHotEncoder(), ["city"])
        )
        return make_pipeline(columns, estimator).fit(inputs, target)

    def log(model: Any, name: str, form: str = "skops", given: Any = signature) -> None:
        with mlflow.start_run(tags={"mlflow.source.git.commit": "c0ffee"}):
            mlflow.sklearn.log_model(
                model, name="model", registered_model_name=name, serialization_format=form,
                signature=given, pip_requirements=["scikit-learn"],
            )  # fmt: skip

    good = fitted(LogisticRegression(), labels)
    shuffled = labels.sample(frac=1, random_state=1).to_numpy()
    for model, form in (
        (good, "skops"),
        (good, "skops"),
        (fitted(LogisticRegression(), shuffled), "skops"),
        (good, "cloudpickle"),
    ):
        log(model, "churn", form)
    log(good, "churn-bare", given=None)
    spent = infer_signature(inputs, table["spent"])
    log(fitted(LinearRegression(), table["spent"]), "spend", given=spent)
    log(fitted(LinearRegression(), table["spent"] * 0.8), "spend", given=spent)
    code = folder / "own.py"
    code.write_text(OWN)
    for fault in FAULTS:
        with mlflow.start_run():
            mlflow.pyfunc.log_model(
                name="model", python_model=str(code), registered_model_name="churn-own",
                signature=signature, model_config={"fault": fault}, pip_requirements=["mlflow"],
            )  # fmt: skip
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("churn", "champion", 1)
    client.set_registered_model_tag("churn", "team", "growth")
    client.set_model_version_tag("churn", "1", "reviewed", "by hand")


def team_folder(
    root: Path,
    empty_database: Path,
    toml: str,
    count: int = 500,
    churned: Callable[[dict[str, Any]], str] = lambda row: row["churned"],
) -> None:
    """A project's folder: its settings, an empty tracking store, and who of its customers left."""
    state = root / ".fullturn"
    state.mkdir(parents=True)
    shutil.copy(empty_database, state / "mlflow.db")
    rows = [{**row, "churned": churned(row)} for row in customers(count, seed=2)]
    for row in rows:
        del row["spent"]
    write_rows(root / "customers.csv", rows)
    (root / "fullturn.toml").write_text(toml)


def make(root: Path, empty_database: Path) -> None:
    """A folder with a tracking store that has them all, their data, and a project's settings."""
    team_folder(root, empty_database, TOML)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        register(f"sqlite:///{root / '.fullturn' / 'mlflow.db'}", root)


def theirs(root: Path) -> list[tuple[Any, ...]]:
    """Everything on record of their registered models and logged models: each row of the database,
    and each file with its content and time."""
    database = root / ".fullturn" / "mlflow.db"
    queries = (
        "SELECT * FROM registered_models WHERE name LIKE 'churn%' OR name = 'spend'",
        "SELECT * FROM registered_model_tags WHERE name LIKE 'churn%'",
        "SELECT * FROM registered_model_aliases WHERE name LIKE 'churn%'",
        "SELECT * FROM model_versions WHERE name LIKE 'churn%' OR name = 'spend'",
        "SELECT * FROM model_version_tags WHERE name LIKE 'churn%'",
        "SELECT m.* FROM logged_models m JOIN experiments e USING (experiment_id) "
        "WHERE e.name = 'their experiment'",
        "SELECT t.* FROM logged_model_tags t JOIN experiments e USING (experiment_id) "
        "WHERE e.name = 'their experiment'",
        "SELECT r.* FROM runs r JOIN experiments e USING (experiment_id) "
        "WHERE e.name = 'their experiment'",
        "SELECT t.* FROM tags t JOIN runs r USING (run_uuid) JOIN experiments e "
        "USING (experiment_id) WHERE e.name = 'their experiment'",
    )
    with closing(sqlite3.connect(database)) as opened:
        found = [row for query in queries for row in sorted(opened.execute(query), key=repr)]
        places = opened.execute(
            "SELECT artifact_location FROM experiments WHERE name = 'their experiment'"
        )
        (place,) = next(iter(places))
    folder = Path(place.removeprefix("file://"))
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [*found, *((str(path), path.read_bytes(), path.stat().st_mtime_ns) for path in files)]
