"""Fit a linear model or boosted trees of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fullturn.core.entities import Input
from fullturn.subjects.tabular.columns import Floats
from fullturn.subjects.tabular.encoding import Encoded, Encoder, Scaling, cells_of
from fullturn.subjects.tabular.model import Model
from fullturn.subjects.tabular.parameters import PENALTIES, TREES, Recipe, Task
from fullturn.subjects.tabular.target import LogTarget
from fullturn.subjects.vectors import one_thread

STOPS_EARLY = 10_000
"""From so many rows on, a tenth of them decides how many trees there are."""
STARTS_THREADS = 500_000
"""From so many rows on, threads gain more than they cost where other processes run."""
_SMALLEST_LEAF = (3, 20)


def fit(
    rows: Sequence[Input],
    labels: Sequence[Any],
    kinds: Mapping[str, str],
    task: Task,
    recipe: Recipe,
    seed: int,
    times: Collection[str] = (),
) -> Model:
    """A model of these rows. Labels are texts, or numbers for regression.

    `times` are the columns with which a combined model, and one on a logarithmic scale, goes on
    beyond the training rows. Of others it takes the outermost number that it was trained on: its
    error grows with the distance.
    """
    cells = cells_of(rows, kinds)
    encoder = Encoder.learn(cells, kinds, recipe.categories)
    encoded = encoder.encode(cells)
    classes: tuple[str, ...] = ()
    weights = None
    truth: NDArray[Any] = np.array(labels, dtype=np.float64 if task == "regression" else str)
    if task == "classification":
        names, truth = np.unique(truth, return_inverse=True)
        classes = tuple(map(str, names))
        if recipe.class_weight == "balanced":
            weights = len(truth) / (len(classes) * np.bincount(truth))
    target = None
    if recipe.target == "log":
        target = LogTarget.learn(truth)
        truth = target.scaled(truth)
    samples = None if weights is None else weights[truth]
    scaling = line = trees = None
    if recipe.model != "boosting":
        scaling = Scaling.learn(encoded.columns, encoder)
        if recipe.model == "combined" or target is not None:
            scaling = scaling.within(encoded.columns, encoder, times)
        wide = scaling.widen(encoded, encoder.is_category)
        line = _fitted(_linear(task, recipe, seed), wide, truth, samples)
        if recipe.model == "combined":
            truth = truth - line.predict(wide)
    if recipe.model != "linear":
        places = _category_places(encoder, encoded)
        empty = _trees(task, recipe, seed, len(rows), len(classes), places)
        trees = _fitted(empty, encoded.for_trees(), truth, samples)
    return Model(task, encoder, scaling, line, trees, classes, weights, target)


def _fitted(estimator: Any, table: Any, truth: Floats, samples: Floats | None) -> Any:
    with one_thread(len(truth) <= STARTS_THREADS), warnings.catch_warnings(record=True):
        # What has not converged after so many steps is as good as what has. Warnings are recorded
        # as well: threads of scikit-learn reset filters.
        warnings.simplefilter("ignore")
        return estimator.fit(table, truth, sample_weight=samples)


def _linear(task: Task, recipe: Recipe, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    penalty = PENALTIES["medium" if recipe.model == "combined" else recipe.complexity]
    if task == "regression":
        return Ridge(alpha=penalty, random_state=seed)
    return LogisticRegression(C=1 / penalty, max_iter=300, random_state=seed)


def _trees(
    task: Task, recipe: Recipe, seed: int, rows: int, classes: int, categories: list[int]
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    chosen, (least, most) = TREES[recipe.complexity], _SMALLEST_LEAF
    most_trees = chosen.most // 2 if classes > 2 else chosen.most  # each is one tree a class
    return kind(
        max_iter=most_trees,
        max_leaf_nodes=chosen.leaves,
        learning_rate=chosen.rate,
        min_samples_leaf=min(most, max(least, rows // 50)),
        categorical_features=categories or None,
        early_stopping=rows >= STOPS_EARLY,
        random_state=seed,
    )


def _category_places(encoder: Encoder, encoded: Encoded) -> list[int]:
    """The columns that are categories, but for those in which every cell is missing."""
    filled: Floats = encoded.columns
    return [
        int(place)
        for place in np.flatnonzero(encoder.is_category)
        if not np.isnan(filled[:, place]).all()
    ]
