"""A model process is used again, as long as the model is the same."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from fullturn.store.client import mlflow
from fullturn.subjects.mlflow_model.opening import Opener
from fullturn.subjects.mlflow_model.process import ModelProcess
from fullturn.subjects.mlflow_model.reference import Reading
from tests.registered import OWN

pytestmark = pytest.mark.slow
READING = Reading(
    "classification",
    {"age": "number", "income": "number", "city": "category"},
    allow_pickle=True,
)


def test_a_process_is_used_again_until_the_model_changes_or_is_to_be_forgotten(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    folder = tmp_path / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder, python_model=str(tmp_path / "own.py"), model_config={"fault": "none"},
            pip_requirements=["mlflow"],
        )  # fmt: skip
    opener = Opener()

    def pid() -> int | None:
        found = opener.opened("models:/own/1", folder, READING)
        assert isinstance(found, ModelProcess)
        return found.pid

    first = pid()
    assert pid() == first
    (folder / "requirements.txt").write_text("mlflow\nother\n")
    second = pid()
    assert second != first
    opener.forget()
    assert pid() not in (first, second, None)
