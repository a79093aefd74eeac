"""From a name to a metric: built in, from an installed package, or from a module of the project."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from fullturn.core import plugins
from fullturn.core.errors import SettingsError
from fullturn.core.wording import listed, nearest
from fullturn.metrics.metric import Metric

GROUP = "fullturn.metrics"
"""Entry point group in which a package offers metrics, each under its name."""


def find(name: str, root: Path | None = None) -> Metric:
    """The metric of this name: `rmse`, `f1(spam)` with an argument, or `mymodule:MyMetric`.

    `root` is the project's folder, whose modules are searched first.

    Raises:
        SettingsError: there is no such metric, or it is not one.
    """
    called, argument = _parts(name)
    make = plugins.from_module(called, root, "metric") if ":" in called else _named(called)
    arguments = () if argument is None else (argument,)
    metric = plugins.created(f"metric '{name}'", lambda: make(*arguments))
    if not isinstance(metric, Metric):
        raise SettingsError(
            f"metric '{name}' is a {type(metric).__name__}: derive it from RowMetric or SetMetric "
            "of fullturn.metrics"
        )
    return metric


def known() -> dict[str, Callable[..., object]]:
    """Metrics by name, built in or offered by installed packages."""
    return {**plugins.entry_points(GROUP), **_built_in()}


def _named(name: str) -> Callable[..., object]:
    metrics: Mapping[str, Callable[..., object]] = known()
    if name not in metrics:
        raise SettingsError(
            f"there is no metric '{name}'{nearest(name, list(metrics))}; known: "
            f"{listed(sorted(metrics), most=20)}; a metric of your own is 'mymodule:MyMetric'"
        )
    return metrics[name]


def _parts(name: str) -> tuple[str, str | None]:
    called, opening, rest = name.partition("(")
    if not opening:
        return name, None
    if not rest.endswith(")") or rest == ")":
        raise SettingsError(f"metric '{name}': write an argument as in 'f1(spam)'")
    return called, rest[:-1]


@cache
def _built_in() -> dict[str, type[Metric]]:
    """Every concrete metric in the modules of this package."""
    package = importlib.import_module(__package__ or "fullturn.metrics")
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    classes = [
        one
        for module in modules
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Metric) and one.__module__ == module.__name__
    ]
    return {
        one.name: one
        for one in sorted(classes, key=lambda one: one.__name__)
        if not inspect.isabstract(one) and hasattr(one, "name")
    }
