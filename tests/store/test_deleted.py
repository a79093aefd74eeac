"""An experiment that was deleted in MLflow is named, and how it comes back: it is not empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fullturn.core.errors import NotFound
from fullturn.store import Store

CALLS: dict[str, Callable[[Store], object]] = {
    "runs": lambda store: store.runs(),
    "runs of a kind": lambda store: store.runs("train", limit=1),
    "a run by name": lambda store: store.runs_called("first"),
    "a new run": lambda store: store.start_run("train", "second", {}, {}),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_deleted_experiment_is_said_to_be_deleted(
    any_store: Store, call: str, tmp_path: Path
) -> None:
    any_store.start_run("train", "first", {}, {})
    experiment = any_store.experiment_id
    client = MlflowClient(any_store.uri, any_store.uri)
    client.delete_experiment(experiment)
    opened = Store(any_store.uri, any_store.name, tmp_path / "artifacts")
    with pytest.raises(NotFound, match=f"experiments restore --experiment-id {experiment}"):
        CALLS[call](opened)
    client.restore_experiment(experiment)
    assert [run.name for run in opened.runs()] == ["first"]
