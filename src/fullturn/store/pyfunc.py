"""Models that somebody else saved with MLflow: what their files say, and how they predict.

Files are described without being loaded. A model that is nothing but a skops archive of known types
of scikit-learn is loaded without running any code of its own; everything else is loaded by MLflow,
as its flavour demands, which may run any code: see `fullturn.store.model_process`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import Input
from fullturn.core.errors import BundleError
from fullturn.store.model_process import Inputs, LoadedModel, ModelColumn, to_batch

MLMODEL = "MLmodel"
_DATA = ("model_path", "python_model", "model_code_path", "data")
"""Where flavours name what they load."""


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
    method: str = "predict"
    """Of a model of scikit-learn, the method that answers."""
    params: frozenset[str] = frozenset()
    """Parameters of inference, by its signature: each has a default."""

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
            method=str(pyfunc.get("predict_fn") or "predict"),
            params=_params(content.get("signature")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MlflowException) as error:
        raise BundleError(f"{folder / MLMODEL} cannot be read: {error}; log it again") from None


def inputs_of(model: ModelFile, kinds: Mapping[str, str]) -> Inputs:
    """What a model reads; `kinds` are the inputs of the project's contract, for a model whose
    signature names none."""
    method = model.method if model.loader == "mlflow.sklearn" else None
    if model.columns:
        return Inputs(model.columns, method=method)
    types = {"number": "double", "boolean": "boolean"}
    columns = tuple(
        ModelColumn(name, types.get(kind, "string"), required=False) for name, kind in kinds.items()
    )
    return Inputs(columns, model.tensor, method)


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


class SkopsModel:
    """A model of scikit-learn, loaded in this process."""

    def __init__(self, inputs: Inputs, estimator: Any) -> None:
        self._inputs = inputs
        self._model = LoadedModel(inputs, getattr(estimator, inputs.method or ""), estimator)

    def answer(self, rows: Sequence[Input]) -> dict[str, Any]:
        """See `fullturn.store.model_process.LoadedModel`."""
        return self._model.answer(to_batch(rows, self._inputs))


def load_skops(folder: Path, kinds: Mapping[str, str]) -> SkopsModel:
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
    return SkopsModel(inputs_of(model, kinds), estimator)


def _params(signature: Any) -> frozenset[str]:
    import json

    return frozenset(one["name"] for one in json.loads((signature or {}).get("params") or "[]"))


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
