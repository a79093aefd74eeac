"""A bundle that refers to a registered model: what it says, and whether the model may be loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from fullturn.core.entities import Kind, ModelVersion
from fullturn.core.errors import BundleError, DataError, NotFound
from fullturn.core.wording import listed
from fullturn.store.model_process import ModelColumn
from fullturn.store.pyfunc import ModelFile, described, unknown_types
from fullturn.subjects.contents import reading, write_json

REFERENCE = "reference.json"
MODELS = "models:/"
_REGISTERED = re.compile(r"models:/[^/@]+/\d+")


_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("double", "float", "long", "integer"), "number"),
    "boolean": "boolean",
    "datetime": "date",
}


class Registry(Protocol):
    """What is asked of the tracking server."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model, oldest first."""

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias points at."""

    def fetch_model(self, source: str) -> Path:
        """The local folder of a model's files."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model is asked, how its answers are read, and whether it may run code."""

    task: str
    kinds: Mapping[str, Kind]
    """Inputs by name, in the contract's order."""
    classes: tuple[str, ...] = ()
    allow_pickle: bool = False
    timeout: float = 60.0
    env: str = "local"
    memory_mb: int | None = None


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What the bundle's one file says."""

    address: str
    """`models:/NAME/VERSION`."""
    source: str
    """Where the registry has the files of this version."""
    run: str
    """The run of theirs that made it; empty if none is recorded."""
    registered: str
    """When it was, ISO 8601."""
    files: Mapping[str, Mapping[str, Any]]
    """sha256 and size of each file, by its name."""
    reading: Reading

    def write(self, folder: Path) -> None:
        """Write it into a bundle."""
        write_json(folder / REFERENCE, asdict(self))


def read(folder: Path) -> ModelReference:
    """The reference in a bundle.

    Raises:
        BundleError: it is missing or damaged.
    """
    with reading(folder / REFERENCE) as content:
        asked = content.pop("reading")
        asked = Reading(**{**asked, "classes": tuple(asked["classes"])})
        return ModelReference(reading=asked, **content)


def found(registry: Registry, address: str) -> ModelVersion:
    """The version that an address means; of a name alone, the newest.

    Raises:
        NotFound: there is none.
    """
    name, _, alias = address.removeprefix(MODELS).partition("@")
    name, _, number = name.partition("/")
    known = {version.version: version for version in registry.versions(name)}
    wanted = registry.alias(name, alias) if alias else int(number or max(known, default=0))
    if wanted is None or wanted not in known:
        has = f"has the versions {listed(list(map(str, known)))}" if known else "does not exist"
        raise NotFound(f"there is no '{address}' in MLflow: the model '{name}' {has}")
    return known[wanted]


def kind_of(column: ModelColumn) -> Kind:
    """The kind of a column in a signature; texts and categories are both `string` there."""
    return _KINDS.get(column.type, "category")


def address_of(version: ModelVersion) -> str:
    """`models:/NAME/VERSION`."""
    return f"{MODELS}{version.name}/{version.version}"


def source_of(registry: Registry, version: ModelVersion) -> str:
    """Where its files are; of a version that was copied from another one, where that has them.

    MLflow writes into the folder of a model that it fetches by name and version: not by source.
    """
    while _REGISTERED.fullmatch(version.source):
        version = found(registry, version.source)
    return version.source


def unsafe(folder: Path, model: ModelFile) -> list[str]:
    """What can run code when the model is loaded, with the reason; nothing, if it is safe."""
    what = Path(model.data or "MLmodel").name
    if model.is_skops:
        types = unknown_types(folder, model)
        return [f"{what}: types that skops does not know: {listed(types)}"] if types else []
    if model.loader == "mlflow.sklearn":
        return [f"{what}: {model.serialization or 'pickle'}, or code beside it"]
    return [f"{what}: loaded by {model.loader or 'no python_function'}, which may run any code"]


def may_run_code(address: str, folder: Path, *, allow: bool) -> bool:
    """Whether a model can run code when it is loaded, and so needs a process of its own.

    Raises:
        BundleError: it can, and that is not allowed.
    """
    reasons = unsafe(folder, described(folder))
    if reasons and not allow:
        raise BundleError(
            f"{address} can run any code when it is loaded ({reasons[0]}): log it in the format "
            "skops; or, if you trust whoever registered it, set [model] allow_pickle = true in "
            "fullturn.toml, and it is loaded in a process of its own"
        )
    return bool(reasons)


def check_columns(address: str, model: ModelFile, kinds: Mapping[str, Kind]) -> None:
    """Make sure that the rows have what a model reads.

    Raises:
        DataError: they do not.
    """
    lacking = [one.name for one in model.columns if one.required and one.name not in kinds]
    if lacking:
        raise DataError(
            f"{address} reads {listed(lacking)}, which the rows of this project do not have; their "
            f"inputs are: {listed(list(kinds))}. See [data.columns] in fullturn.toml"
        )
