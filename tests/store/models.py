"""Model versions without a model in them. Test data."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fullturn.core.entities import ModelVersion
from fullturn.store import Store


def registered(store: Store, tags: Mapping[str, str] | None = None) -> ModelVersion:
    """The next version of the project's model, from a run of its own."""
    run = store.start_run("train", "run", {}, {})
    with tempfile.TemporaryDirectory() as folder:
        source = store.log_model(run, "model", Path(folder), {}, {})
    return store.register(store.name, source, run, tags or {})
