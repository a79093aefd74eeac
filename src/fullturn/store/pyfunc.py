"""Models that somebody else saved with MLflow: what their files say, and how they predict.

Files are described without being loaded. A model that is nothing but a skops archive of known types
of scikit-learn is loaded without running any code of its own; everything else is loaded by MLflow,
as its flavour demands, which may run any code: see `fullturn.store.model_process`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import Input
from fullturn.core.errors import BundleError

MLMODEL = "MLmodel"
_DATA = ("model_path", "python_model", "model_code_path", "data")
"""Where flavours name what they load."""


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """An input of a model, as its signature has it; `type` as MLflow calls it."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a file `MLmodel` says."""

    loader: str
    """The module that loads it; empty if plain `mlflow.pyfunc` cannot."""
    data: str
    """The file or folder that is loaded, within the model's."""
    serialization: str | None
    """Of scikit-learn's flavour: skops, pickle or cloudpickle."""
    has_code: bool
    """Whether it brings Python modules of its own."""
    columns: tuple[ModelColumn, ...]
    """Named inputs; none if there is no signature, or one of a tensor."""
    tensor: str | None
    """The type of an unnamed array as input; None for a table."""

    @property
    def is_skops(self) -> bool:
        """Whether it is a skops archive and nothing else."""
        return (self.loader, self.serialization) == ("mlflow.sklearn", "skops") and (
            not self.has_code
        )


def described(folder: Path) -> ModelFile:
    """Read the file `MLmodel` of a model's folder.

    Raises:
        BundleError: there is none, or it is damaged.
    """
    from fullturn.store.client import MlflowException, mlflow

    try:
        content = mlflow.models.Model.load(str(folder / MLMODEL)).to_dict()
        flavors = content["flavors"]
        pyfunc, sklearn = flavors.get("python_function", {}), flavors.get("sklearn", {})
        columns, tensor = _inputs(content.get("signature"))
        return ModelFile(
            loader=str(pyfunc.get("loader_module", "")),
            data=next((str(pyfunc[key]) for key in _DATA if pyfunc.get(key)), ""),
            serialization=sklearn.get("serialization_format"),
            has_code=bool(pyfunc.get("code") or sklearn.get("code")),
            columns=columns,
            tensor=tensor,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MlflowException) as error:
        raise BundleError(f"{folder / MLMODEL} cannot be read: {error}; log it again") from None


def unknown_types(folder: Path, model: ModelFile) -> list[str]:
    """Types in a skops archive that are not known to be harmless.

    Raises:
        BundleError: it is not a skops archive.
    """
    from skops.io import get_untrusted_types

    try:
        return list(get_untrusted_types(file=folder / model.data))
    except Exception as error:
        raise BundleError(f"{folder / model.data} is not a skops archive: {error!r}") from error


class LoadedModel:
    """A loaded model. `kinds` are the inputs of the project's contract, by name."""

    def __init__(
        self,
        model: ModelFile,
        kinds: Mapping[str, str],
        predict: Callable[[Any], Any],
        raw: Any,
    ) -> None:
        self._file, self._kinds = model, kinds
        self._predict, self._raw = predict, raw

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        """`values`, one of each row; and, of a classifier that has them, `shares`, the
        probabilities of its `classes` in each row. Plain values, floats may be NaN."""
        table = frame(rows, self._file, self._kinds)
        found: dict[str, Any] = {"values": listed(self._predict(table))}
        shares = getattr(self._raw, "predict_proba", None)
        classes = getattr(self._raw, "classes_", None)
        if callable(shares) and classes is not None:
            found |= {"classes": listed(classes), "shares": listed(shares(table))}
        return found


def load_skops(folder: Path, kinds: Mapping[str, str]) -> LoadedModel:
    """Load an archive of known types, which runs no code of its own.

    Raises:
        BundleError: it contains other types, or cannot be loaded.
    """
    from skops.io import load

    model = described(folder)
    try:
        estimator = load(folder / model.data, trusted=[])
    except Exception as error:
        raise BundleError(f"{folder / model.data} cannot be loaded: {error!r}") from error
    return LoadedModel(model, kinds, estimator.predict, estimator)


def load_any(folder: Path, kinds: Mapping[str, str]) -> LoadedModel:
    """Load whatever MLflow can; this may run any code. For a process of its own."""
    from fullturn.store.client import mlflow

    loaded = mlflow.pyfunc.load_model(str(folder))
    try:
        raw = loaded.get_raw_model()
    except Exception:  # noqa: BLE001  a custom model, or a flavour without a raw model
        raw = None
    return LoadedModel(described(folder), kinds, loaded.predict, raw)


def frame(rows: Sequence[Input], model: ModelFile, kinds: Mapping[str, str]) -> Any:
    """Rows as the model expects them: a DataFrame with the types of its signature, or an array.

    Raises:
        ValueError: a value does not fit its column's type.
    """
    import numpy as np
    import pandas as pd

    if model.tensor is not None:
        values = [[row.get(name) for name in kinds] for row in rows]
        return np.array(values, dtype=model.tensor)
    columns = model.columns or [
        ModelColumn(name, "double" if kind == "number" else "string", required=False)
        for name, kind in kinds.items()
    ]
    return pd.DataFrame(
        {one.name: _column([row.get(one.name) for row in rows], one) for one in columns}
    )


def listed(predictions: Any) -> list[Any]:
    """What a model returned, as a list with a plain value, list or mapping for each row."""
    if hasattr(predictions, "toarray"):  # a sparse matrix
        predictions = predictions.toarray()
    if hasattr(predictions, "columns"):  # a DataFrame
        records = predictions.to_dict(orient="records")
        one = len(predictions.columns) == 1
        return [plain(next(iter(row.values())) if one else row) for row in records]
    if hasattr(predictions, "tolist"):  # an array, a Series
        predictions = predictions.tolist()
    if isinstance(predictions, str | bytes | Mapping) or not isinstance(predictions, Iterable):
        raise TypeError(
            f"predict() returned a {type(predictions).__name__}, not a value for each row"
        )
    return [plain(one[0] if _is_single(one) else one) for one in predictions]


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON does not have becomes text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _is_single(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 1


def _inputs(signature: Any) -> tuple[tuple[ModelColumn, ...], str | None]:
    import json

    text = (signature or {}).get("inputs")
    specs = json.loads(text) if text else []
    tensors = [spec for spec in specs if spec.get("type") == "tensor"]
    if tensors or any("name" not in spec for spec in specs):
        types = tensors[0]["tensor-spec"] if tensors else {"dtype": "float64"}
        return (), str(types["dtype"])
    columns = (
        ModelColumn(str(spec["name"]), str(spec["type"]), bool(spec.get("required", True)))
        for spec in specs
    )
    return tuple(columns), None


def _column(values: list[Any], column: ModelColumn) -> Any:
    """One column, with the type that MLflow's check of the signature requires."""
    import pandas as pd

    if column.type in ("double", "float"):
        numbers = [math.nan if value is None else float(value) for value in values]
        return pd.Series(numbers, dtype={"double": "float64", "float": "float32"}[column.type])
    if column.type in ("long", "integer"):
        whole = [_whole(value, column) for value in values]
        return pd.Series(whole, dtype={"long": "int64", "integer": "int32"}[column.type])
    if column.type == "boolean":
        return pd.Series([_truth(value, column) for value in values], dtype=bool)
    if column.type == "datetime":
        return pd.to_datetime(pd.Series(values)).astype("datetime64[ns]")
    return pd.Series(values, dtype=object)


def _whole(value: Any, column: ModelColumn) -> int:
    if value is None or float(value) != int(value):
        raise ValueError(f"'{column.name}' = {value!r}: the model's signature has whole numbers")
    return int(value)


def _truth(value: Any, column: ModelColumn) -> bool:
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    if str(value).lower() not in known:
        raise ValueError(f"'{column.name}' = {value!r}: the model's signature has true and false")
    return known[str(value).lower()]
