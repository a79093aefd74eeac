"""The parameters of a tabular model, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import UsageError
from fullturn.core.wording import listed, nearest, shown

Task = Literal["classification", "regression"]
MOST_CATEGORIES = 250
"""Boosted trees have 255 bins: one is for missing cells, one for all other categories."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is fitted.

    `complexity` chooses the size of the trees and their number, or the penalty of the linear
    model. "combined", of a regression: boosted trees that correct a linear model, which goes on
    beyond the training rows where trees stop. `target` "log" fits the label on a logarithmic
    scale. The `categories` most frequent values of a column each count for themselves, the others
    as one. `class_weight` "balanced": a rare label counts as much as a frequent one in choosing the
    label; probabilities stay those of the data.
    """

    model: Literal["boosting", "combined", "linear"]
    complexity: Literal["low", "medium", "high"]
    categories: int
    class_weight: Literal["none", "balanced"]
    target: Literal["label", "log"]


class Trees(NamedTuple):
    """Boosted trees: at most `most` of them, each with at most so many leaves."""

    most: int
    leaves: int
    rate: float


TREES: Mapping[str, Trees] = {
    "low": Trees(100, 5, 0.1),
    "medium": Trees(200, 15, 0.06),
    "high": Trees(400, 31, 0.06),
}
PENALTIES: Mapping[str, float] = {"low": 30.0, "medium": 1.0, "high": 0.03}
"""L2 penalty of the linear model: the inverse of scikit-learn's C, or the alpha of its Ridge."""

DEFAULTS: Params = {
    "model": "boosting",
    "complexity": "medium",
    "categories": 100,
    "class_weight": "none",
    "target": "label",
}
_CHOICES: Mapping[str, Sequence[str]] = {
    "model": ("boosting", "combined", "linear"),
    "complexity": tuple(TREES),
    "class_weight": ("none", "balanced"),
    "target": ("label", "log"),
}
SPACES: Mapping[Task, Mapping[str, Sequence[Scalar]]] = {
    "classification": {"model": ("boosting", "linear"), "complexity": tuple(TREES)},
    "regression": {"model": ("boosting", "combined", "linear"), "complexity": tuple(TREES)},
}
"""Of six candidates, four drawn at random contain a linear one; of nine, six contain each kind."""


def parse(params: Params, task: Task) -> Recipe:
    """The recipe; defaults where nothing is given.

    Raises:
        UsageError: a parameter is unknown, of another type, out of bounds, or of another task.
    """
    unknown = sorted(params.keys() - DEFAULTS.keys())
    if unknown:
        raise UsageError(
            f"a tabular model has no parameter '{unknown[0]}'{nearest(unknown[0], list(DEFAULTS))}"
            f"; known: {', '.join(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **params}
    for name, choices in _CHOICES.items():
        if chosen[name] not in choices:
            raise UsageError(f"{name} = {shown(chosen[name])}: allowed is {listed(choices)}")
    if task == "classification":
        for name, value in (("model", "combined"), ("target", "log")):
            if chosen[name] == value:
                raise UsageError(f"{name} = '{value}' is for a regression; [model] task is {task}")
    most = chosen["categories"]
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_CATEGORIES:
        raise UsageError(f"categories = {shown(most)}: allowed is 1 to {MOST_CATEGORIES}")
    return Recipe(**chosen)  # type: ignore[arg-type]
