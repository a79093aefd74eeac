"""What MLflow's own client finds in a store: a witness that does not depend on ours."""

from __future__ import annotations

from mlflow import MlflowClient

from fullturn.store import Store


def logged_steps(store: Store, run_id: str, metric: str) -> list[int]:
    """The steps of a metric, in order."""
    history = MlflowClient(store.uri).get_metric_history(run_id, metric)
    return sorted(point.step for point in history)
