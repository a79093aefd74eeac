"""From a name in fullturn.toml to an app: one of fullturn's own, or "mymodule:MyApp"."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.core import plugins
from fullturn.core import settings as reader
from fullturn.core.entities import Column, Contract
from fullturn.core.errors import BundleError, NotFound, SettingsError
from fullturn.core.settings import state_folder
from fullturn.subjects.protocols import App

if TYPE_CHECKING:
    from fullturn.core.settings import Settings
    from fullturn.store import Store

BUILT_IN = ("classifier", "tabular", "prompt", "assistant", "mlflow_model", "service")


def find(
    name: str,
    settings: Settings | None = None,
    root: Path | None = None,
    store: Callable[[], Store] | None = None,
) -> App:
    """The app of this name; `root` is the project, where a user's own module is, `store` its
    tracking server.

    Raises:
        SettingsError: no such app, or the class lacks a member of the protocol.
    """
    if settings is not None and settings.train.command and name != "mlflow_model":
        raise SettingsError(
            f"[train] command trains models with app = 'mlflow_model', and app = '{name}' trains "
            "its own; change one of the two in fullturn.toml"
        )
    if name == "classifier":
        from fullturn.subjects.text.app import Classifier

        return Classifier(settings.data) if settings else Classifier()
    if name == "tabular":
        from fullturn.subjects.tabular.app import Tabular

        return Tabular(settings.data, settings.model) if settings else Tabular()
    if name == "assistant":
        from fullturn.subjects.assistant.app import Assistant

        cache = state_folder(settings, root) if settings and root else None
        return Assistant(settings.llm, cache, root) if settings else Assistant()
    if name == "prompt":
        from fullturn.subjects.prompt.app import PromptApp

        cache = state_folder(settings, root) if settings and root else None
        return PromptApp(settings, cache, root)
    if name == "mlflow_model":
        from fullturn.subjects.mlflow_model.app import MlflowModel

        if settings is None or store is None:
            return MlflowModel()
        if settings.train.command is not None and root is not None:
            from fullturn.subjects.mlflow_model.trained import TrainedModel

            return TrainedModel(settings, root, store)
        return MlflowModel(settings.data, settings.model, store)
    if name == "service":
        from fullturn.subjects.service.app import Service

        return Service(settings.data, settings.service) if settings else Service()
    return _own(name, root)


def of_bundle(name: str, code: Path, folder: Path) -> App:
    """The app that a bundle names, where plain MLflow loads it.

    Its own code is used if MLflow has put the bundle's `code` on Python's path, as it does with
    every model that it loads; otherwise see `trusted`.

    Raises:
        BundleError: see `trusted`.
    """
    module, *_ = name.partition(":")[0].split(".")
    brought = (code / f"{module}.py").is_file() or (code / module).is_dir()
    if name not in BUILT_IN and brought and code.resolve() in map(_resolved, sys.path):
        return find(name, root=code)
    return trusted(name, folder)


def _resolved(path: str) -> Path:
    return Path(path).resolve()


def trusted(name: str, folder: Path) -> App:
    """The app that a bundle names: fullturn's own, or that of the project in `folder`, or above it.

    A bundle comes from outside. That it names a module is no reason to import it.

    Raises:
        BundleError: the project names another app, or there is none.
    """
    if name in BUILT_IN:
        return find(name)
    try:
        root = reader.find_root(folder)
    except NotFound:
        root = None
    settings = reader.read(root) if root else None
    if settings is None or settings.app != name:
        found = f"{root} names '{settings.app}'" if settings else f"{folder} is in no project"
        raise BundleError(
            f"bundle.json names app '{name}', code of a project, and {found}; load it in the "
            f"folder of the project whose fullturn.toml has app = '{name}'"
        )
    return find(name, settings, root)


def _own(name: str, root: Path | None) -> App:
    if not name.partition(":")[2]:
        raise SettingsError(
            f"app = '{name}': known are {', '.join(map(repr, BUILT_IN))} and 'mymodule:MyApp'"
        )
    app = plugins.make("app", name, root)
    missing = [member for member in _members() if not hasattr(app, member)]
    if missing:
        raise SettingsError(f"app = '{name}' lacks {', '.join(missing)}; see fullturn.App")
    if flaw := _flaw(app.contract):
        raise SettingsError(f"app = '{name}': in its contract, {flaw}; see fullturn.Contract")
    return app  # type: ignore[no-any-return]


def _members() -> tuple[str, ...]:
    return ("contract", "defaults", "space", "train", "load", "baseline")


def _flaw(contract: object) -> str | None:
    """What a person who wrote a contract has got wrong, if anything."""
    if not isinstance(contract, Contract):
        return f"it is a {type(contract).__name__}, not a Contract"
    if not isinstance(contract.columns, tuple) or not contract.columns:
        return f"columns = {contract.columns!r}: give a tuple of Column(…)"
    if wrong := [one for one in contract.columns if not isinstance(one, Column)]:
        return f"columns has {wrong[0]!r}, which is no Column(…)"
    names = [column.name for column in contract.columns]
    if not isinstance(contract.key, tuple) or not contract.key:
        return f"key = {contract.key!r}: give a tuple of column names, such as ('{names[0]}',)"
    if unknown := [name for name in contract.key if name not in names]:
        return f"key names {unknown[0]!r}, which is no column; columns: {', '.join(names)}"
    if contract.text is not None and contract.text not in contract.names("input"):
        inputs = ", ".join(contract.names("input"))
        return f"text = {contract.text!r} is no input column; input columns: {inputs}"
    return None
