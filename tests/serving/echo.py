"""A model that answers with the rows it was given; logged in MLflow, any server can load it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fullturn.core.entities import Column, Contract, Kind
from fullturn.store.client import mlflow

CONTRACT = Contract(
    columns=(
        Column("text"),
        Column("n", "number"),
        Column("kind", "category", required=False),
        Column("opt", "number", required=False),
        Column("label", "category", "label"),
    ),
    key=("text",),
)


class Echo:
    """Leaves out what is missing."""

    def predict(self, frame: Any, params: Any = None) -> list[dict[str, Any]]:
        rows = frame.to_dict(orient="records")
        return [{name: cell for name, cell in row.items() if not _missing(cell)} for row in rows]


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


TYPES = {"flag": "boolean", "small": "integer", "whole": "long", "single": "float",
         "real": "double", "word": "string", "at": "datetime"}  # fmt: skip
"""Of a second model, with a column of each type of MLflow's that a table can have."""
KINDS: dict[str, Kind] = {"boolean": "boolean", "string": "category", "datetime": "date"}
TYPED = Contract(
    columns=(
        *(Column(name, KINDS.get(one, "number")) for name, one in TYPES.items()),
        Column("label", "category", "label"),
    ),
    key=("word",),
)


PARAMS = mlflow.types.ParamSchema(
    [mlflow.types.ParamSpec("temperature", mlflow.types.DataType.double, 0.0)]
)


def _load_pyfunc(path: str) -> Echo:
    return Echo()


def save(folder: Path, contract: Contract = CONTRACT) -> Path:
    """Log the model, with the signature of a contract."""
    folder.mkdir()
    (folder / "nothing.txt").write_text("")
    types = mlflow.types
    kinds = {"number": "double"}
    schema = types.Schema(
        [
            types.ColSpec(
                types.DataType[TYPES.get(c.name, kinds.get(c.kind, "string"))], c.name, c.required
            )
            for c in contract.columns
            if c.role == "input"
        ]
    )
    model = mlflow.models.Model(signature=mlflow.models.ModelSignature(schema, None, PARAMS))
    mlflow.pyfunc.add_to_model(model, loader_module=__name__, data="nothing.txt")
    model.save(str(folder / "MLmodel"))
    return folder
