"""Packages whose modules are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def modules(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package: the module of this name in it."""

    def get(name: str) -> Any:
        module = f"{package}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"there is no module '{module}'") from None

    return get
