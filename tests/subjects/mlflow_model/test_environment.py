"""Environments that models declare, made by uv from real wheels in a folder, without a network."""

from __future__ import annotations

import platform
import subprocess
import sysconfig
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from fullturn.core.errors import AppError
from fullturn.store.client import mlflow
from fullturn.store.pyfunc import described, inputs_of
from fullturn.subjects.mlflow_model.environment import declared, packages, python_of
from fullturn.subjects.mlflow_model.process import ModelProcess

pytestmark = pytest.mark.slow
OWN = """\
import sys

import mlflow


class Own(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import prices

        assert "fullturn" not in sys.modules
        return [prices.VERSION for _ in model_input["x"]]


mlflow.models.set_model(Own())
"""


def wheel(folder: Path, name: str, number: str, files: dict[str, str]) -> None:
    """A wheel with these files and nothing else."""
    info = f"{name}-{number}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that can be installed: two versions of `prices`, and what lets a new environment find
    the mlflow of this one, behind its own packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number in ("1.0", "2.0"):
        wheel(folder, "prices", number, {"prices.py": f"VERSION = '{number}'\n"})
    here = sysconfig.get_path("purelib")
    wheel(folder, "mlflow", version("mlflow"), {"behind.pth": f"{here}\n"})
    wheel(folder, "pyarrow", version("pyarrow"), {"empty.py": ""})
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def saved(folder: Path) -> Path:
    code = folder / "own.py"
    code.parent.mkdir()
    code.write_text(OWN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder / "model", python_model=str(code), pip_requirements=["mlflow"]
        )
    return folder / "model"


def declaring(folder: Path, *requirements: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text("\n".join(requirements))
    return folder


def python(name: str, folder: Path) -> Path:
    return python_of(name, declared(folder, builds=False))


def test_two_versions_have_the_packages_that_each_declares(tmp_path: Path) -> None:
    found = []
    for number in ("1.0", "2.0"):
        folder = declaring(saved(tmp_path / number), f"prices=={number}")
        inputs = inputs_of(described(folder), {"x": "number"})
        process = ModelProcess(number, folder, inputs, python=python(number, folder))
        found += process.answer([{"x": 1.0}])["values"]
        process.close()
    assert found == ["1.0", "2.0"]


def test_an_environment_is_made_once_for_all_that_declare_the_same(tmp_path: Path) -> None:
    first = python("a", declaring(tmp_path / "a", "prices==1.0"))
    made = first.stat().st_ctime_ns
    assert python("b", declaring(tmp_path / "b", "# ours", "prices==1.0")) == first
    assert first.stat().st_ctime_ns == made
    assert python("c", declaring(tmp_path / "c", "prices==2.0")) != first
    code = "import importlib.util as u; print(u.find_spec('prices') is not None)"
    said = subprocess.run([first, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True"
    assert "prices==1.0" in packages(first).splitlines()
    assert packages(first).startswith(f"python=={platform.python_version()}\n")


def test_an_environment_that_was_left_half_made_is_made_again(tmp_path: Path) -> None:
    folder = declaring(tmp_path / "a", "prices==1.0")
    first = python("a", folder)
    (first.parents[1] / "complete.json").unlink()
    first.unlink()
    assert python("a", folder) == first and first.exists()


def test_a_requirement_that_cannot_be_installed_is_named(tmp_path: Path) -> None:
    folder = declaring(tmp_path / "a", "prices==1.0", "no_such.package>=3")
    with pytest.raises(AppError, match=r"churn/3 declares 'no_such\.package>=3' in req.*local"):
        python("models:/churn/3", folder)
    assert not list((tmp_path / "cache").rglob("complete.json"))


def test_a_python_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    folder = declaring(tmp_path / "a", "prices==1.0")
    (folder / "python_env.yaml").write_text("python: 3.99.1\n")
    with pytest.raises(AppError, match=r"declares Python 3\.99 in python_env\.yaml.*local"):
        python("models:/churn/3", folder)
