"""The tracking server: runs, artifacts, models, versions, aliases, prompts and traces.

The only package that imports mlflow, and only when it is first needed. MLflow is the system of
record: everything written here looks right in MLflow's own pages, and stays there when fullturn is
removed.
"""

from __future__ import annotations

from fullturn.core.records import Point, Registered, Span, Traced
from fullturn.core.tags import NOTE, PREFIX
from fullturn.store.models import Models
from fullturn.store.packaging import Pyfunc, save_pyfunc
from fullturn.store.runs import Runs
from fullturn.store.traces import Traces

__all__ = [
    "NOTE",
    "PREFIX",
    "Point",
    "Pyfunc",
    "Registered",
    "Span",
    "Store",
    "Traced",
    "current",
    "save_pyfunc",
]


class Store(Runs, Models, Traces):
    """A tracking server and the experiment of one project on it."""


def current() -> Store:
    """The tracking server that MLflow is set to, for models that are loaded outside a project."""
    from pathlib import Path

    from fullturn.store.client import mlflow

    return Store(mlflow.get_tracking_uri(), "Default", Path())
