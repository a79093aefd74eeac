"""The learning curve of boosted trees, on rows that they were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fullturn.core.entities import Input
from fullturn.subjects.tabular.model import Model

_LEAST = 1e-15


def curve(
    model: Model, rows: Sequence[Input], labels: Sequence[Any], steps: int
) -> Iterator[tuple[int, Mapping[str, float]]]:
    """After how many trees, and the error then: log loss in nats, or mean absolute error.

    Rows whose label did not occur in training are left out.
    """
    is_number = model.task == "regression"
    known = [place for place, one in enumerate(labels) if is_number or one in model.classes]
    if not known:
        return
    encoded = model.encode([rows[place] for place in known])
    table, trees = encoded.for_trees(), model.trees.n_iter_
    shown = set(np.linspace(1, trees, min(steps, trees)).astype(int).tolist())
    if is_number:
        truth = np.array([labels[place] for place in known], dtype=np.float64)
        staged = model.trees.staged_predict(table)
    else:
        truth = np.array([model.classes.index(labels[place]) for place in known])
        staged = model.trees.staged_predict_proba(table)
    for number, found in enumerate(staged, 1):
        if number in shown:
            if is_number:
                errors = np.abs(model.values(encoded, found) - truth)
                yield number, {"curve.mae": float(errors.mean())}
            else:
                right = model.shares(found)[np.arange(len(truth)), truth]
                loss = -np.log(np.clip(right, _LEAST, 1))
                yield number, {"curve.log_loss": float(loss.mean())}
