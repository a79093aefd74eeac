"""Imports what takes long to import, for processes that are forked from one that has done so."""

from __future__ import annotations

from importlib import import_module

NAMES = """
    mlflow.pyfunc mlflow.store.model_registry.sqlalchemy_store
    mlflow.store.tracking.sqlalchemy_store
    pandas pyarrow.dataset scipy.signal scipy.stats skops.io sklearn.linear_model
    fullturn.cli.commands fullturn.data.similar fullturn.data.versions fullturn.gates.report
    fullturn.release.state fullturn.store.client fullturn.verbs.gate fullturn.verbs.serve
    fullturn.verbs.turn
    tests.verbs.toy
"""

for name in NAMES.split():
    import_module(name)
