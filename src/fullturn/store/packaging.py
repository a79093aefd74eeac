"""What plain MLflow needs to load, serve and containerise a bundle."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from fullturn.core.entities import Column, Input, Output, Params

REQUIREMENTS = "requirements.txt"
ENVIRONMENTS = ("conda.yaml", "python_env.yaml")
_KINDS = {"number": "double"}
_MODELS = "mlflow.models.utils"
_SAVE_EXAMPLE = "_save_example"


@dataclass(frozen=True, slots=True)
class Pyfunc:
    """A model of MLflow's python_function flavour."""

    data: str
    """The folder that is loaded, within the model's."""
    loader: str
    """A module with `_load_pyfunc(path)`: nothing is pickled."""
    columns: Sequence[Column]
    """Inputs."""
    outputs: Sequence[Output] = ()
    """A few, from which MLflow infers their types."""
    example: Input | None = None
    requirements: Sequence[str] = ()
    """Lines for pip; without any, MLflow makes no environment."""
    code: str | None = None
    """Folder with Python modules, within the model's."""
    metadata: Params = field(default_factory=dict)


def save_pyfunc(folder: Path, model: Pyfunc) -> None:
    """Write `MLmodel` and the environment's files beside a bundle, so that plain MLflow can load it
    with `mlflow.pyfunc.load_model`, and `mlflow models` serve it."""
    from fullturn.store.client import mlflow

    signature = mlflow.models.ModelSignature(_inputs(model.columns), _outputs(model.outputs))
    described = mlflow.models.Model(signature=signature, metadata=dict(model.metadata))
    if model.example is not None:
        _save_example(described, model.example, model.columns, folder)
    environment = _write_environment(folder, model.requirements) if model.requirements else {}
    mlflow.pyfunc.add_to_model(
        described, loader_module=model.loader, data=model.data, code=model.code, **environment
    )
    described.save(str(folder / "MLmodel"))


def _inputs(columns: Sequence[Column]) -> Any:
    from fullturn.store.client import mlflow

    types = mlflow.types
    return types.Schema(
        [
            types.ColSpec(_KINDS.get(one.kind, "string"), one.name, required=one.required)
            for one in columns
        ]
    )


def _outputs(outputs: Sequence[Output]) -> Any:
    """Their types; None where MLflow has none for them."""
    from fullturn.store.client import MlflowException, mlflow

    if not outputs:
        return None
    with suppress(MlflowException), warnings.catch_warnings():
        # MLflow advises a person who logs whole numbers by hand.
        warnings.simplefilter("ignore", UserWarning)
        plain = json.loads(json.dumps([dict(one) for one in outputs]))
        return mlflow.models.infer_signature(model_output=plain).outputs
    return None


def _save_example(model: Any, row: Input, columns: Sequence[Column], folder: Path) -> None:
    import pandas as pd

    names = [one.name for one in columns if row.get(one.name) is not None]
    table = pd.DataFrame([{name: row[name] for name in names}])
    getattr(import_module(_MODELS), _SAVE_EXAMPLE)(model, table, str(folder))


def _write_environment(folder: Path, requirements: Sequence[str]) -> Mapping[str, str]:
    """Three files that say the same: for pip, for virtualenv and uv, and for conda."""
    lines = [json.dumps(line) for line in requirements]  # a JSON string is one of YAML too
    version = platform.python_version()
    python = [
        f"python: {version}",
        *("build_dependencies:", "- pip", "- setuptools", "- wheel"),
        *("dependencies:", f"- -r {REQUIREMENTS}"),
    ]
    conda = [
        *("name: mlflow-env", "channels:", "- conda-forge"),
        *("dependencies:", f"- python={version}", "- pip", "- pip:"),
        *(f"  - {line}" for line in lines),
    ]
    for name, content in zip(ENVIRONMENTS, (conda, python), strict=True):
        (folder / name).write_text("\n".join([*content, ""]), encoding="utf-8")
    (folder / REQUIREMENTS).write_text("\n".join([*requirements, ""]), encoding="utf-8")
    return {"conda_env": ENVIRONMENTS[0], "python_env": ENVIRONMENTS[1]}
