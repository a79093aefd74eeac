"""A bundle is a complete MLflow model: what it declares is all that plain MLflow needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import mlflow
import pytest

from fullturn.core.errors import BundleError
from fullturn.core.tags import TrainingTags
from fullturn.subjects import bundle
from fullturn.subjects.catalog import of_bundle
from fullturn.verbs.data import commit
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Workspace
from tests.verbs import toy
from tests.verbs.conftest import TOML, write_rows

ROWS = [{"text": "my invoice and the refund are wrong", "channel": "chat"}]
ELSEWHERE = """\
import sys
sys.path.append(sys.argv[2])  # MLflow and the libraries; not the folder of fullturn
import mlflow.pyfunc, pandas, json
model = mlflow.pyfunc.load_model(sys.argv[1])
import fullturn
answers = model.predict(pandas.DataFrame(json.loads(sys.argv[3])))
print(json.dumps({"answers": answers, "fullturn": fullturn.__file__}))
"""


@pytest.fixture
def model(tmp_path: Path, empty_database: Path) -> Path:
    """The bundle of an app of one's own, whose code is in its project."""
    root = tmp_path / "project"
    (root / ".fullturn").mkdir(parents=True)
    shutil.copy(empty_database, root / ".fullturn" / "mlflow.db")
    (root / "greetings.py").write_text("import numpy\n\nGREETING = 'hello'\n")
    own = (
        Path(toy.__file__)
        .read_text()
        .replace("class Toy:", "from greetings import GREETING\nclass Mine:")
    )
    (root / "mine.py").write_text(own)
    (root / "test_mine.py").write_text("")
    (root / "fullturn.toml").write_text(TOML.replace("tests.verbs.toy:Toy", "mine:Mine"))
    write_rows(root / "messages.csv", toy.messages(300, seed=1))
    project = Workspace.open(root)
    commit(project, [], "first")
    run = train(project)[0].run
    return project.store.fetch_model(TrainingTags.read(run.tags).model or "")


@pytest.mark.slow
def test_plain_mlflow_loads_an_app_of_ones_own_where_neither_it_nor_fullturn_is(
    model: Path, tmp_path: Path
) -> None:
    place = sysconfig.get_path("purelib")
    words = [sys.executable, "-S", "-c", ELSEWHERE, str(model), place, json.dumps(ROWS)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["answers"] == [{"label": "billing"}]
    assert said["fullturn"].startswith(str(model / "code" / "fullturn.zip"))

    code = {path.name for path in (model / "code").iterdir()} - {"__pycache__"}
    assert code == {"mine.py", "greetings.py", "fullturn.zip", "fullturn_bundle.py"}
    listed = Path(mlflow.pyfunc.get_model_dependencies(str(model))).read_text().splitlines()
    assert {"mlflow", "numpy"} <= {line.partition("==")[0] for line in listed}
    conda = (model / "conda.yaml").read_text()
    assert all(line in conda for line in listed)
    assert "- -r requirements.txt" in (model / "python_env.yaml").read_text()
    signature = mlflow.models.get_model_info(str(model)).signature
    assert signature.inputs.input_names() == ["text"]
    assert signature.outputs.input_names() == ["label"]
    example = mlflow.models.Model.load(str(model)).load_input_example(str(model))
    assert list(example.columns) == ["text"]
    assert bundle.unsafe_files(model) == []
    (model / "code" / "mine.py").write_text("import os")
    with pytest.raises(Exception, match=r"'code/mine.py' was changed"):
        bundle.verify(model)


def test_code_of_a_bundle_is_used_only_where_mlflow_has_put_it_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    planted = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"
    (code / "planted_code.py").write_text(planted + "from tests.verbs.toy import Toy\n")
    with pytest.raises(BundleError, match="names app 'planted_code:Toy', code of a project"):
        of_bundle("planted_code:Toy", code, tmp_path)
    assert not (code / "imported").exists()
    monkeypatch.syspath_prepend(code)
    assert of_bundle("planted_code:Toy", code, tmp_path).contract.text == "text"
