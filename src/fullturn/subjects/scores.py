"""Scores of one row: the app's, checked, and those of scorers beside it.

Metrics of the built-in apps have new names. Runs, evaluations and `[gates.floors]` of the version
before still have the old ones, which are translated when they are read. An app of your own may
declare `renamed_metrics` as well.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fullturn.core import plugins
from fullturn.core.entities import Example, Output, Scores
from fullturn.core.errors import AppError, FullturnError
from fullturn.core.wording import shown
from fullturn.subjects.protocols import Scorer


def scores_of(scorer: Scorer, example: Example, output: Output) -> dict[str, float]:
    """Scores of one output, each within [0, 1], the primary one first.

    Raises:
        AppError: score() raised, gave no score, or one that is no number within [0, 1].
    """
    try:  # not `asked`: for every row, a closure costs 15 % more
        scores = {name: float(value) for name, value in scorer.score(example, output).items()}
    except FullturnError:
        raise
    except Exception as error:
        raise plugins.explained(error, "score()", on=f"row '{example.id}'") from error
    if not scores:
        raise AppError(f"score() gave no score for row '{example.id}': give at least one")
    for name, value in scores.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise AppError(f"score '{name}' of row '{example.id}' is {value}, not within [0, 1]")
    return scores


def declared_loss(scorer: Scorer, example: Example, output: Output) -> float | None:
    """The loss that the scorer declares, from 0; None if it declares none.

    Raises:
        AppError: loss() raised, or gave no number from 0 upward.
    """
    declared = getattr(scorer, "loss", None)  # for every row, isinstance() of a protocol costs more
    if declared is None:
        return None
    try:
        loss: Any = declared(example, output)
    except FullturnError:
        raise
    except Exception as error:
        raise plugins.explained(error, "loss()", on=f"row '{example.id}'") from error
    if loss is None:
        return None
    try:
        value = float(loss)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < math.inf:
        raise AppError(
            f"loss() gave {shown(loss)} for row '{example.id}': return a number from 0, where 1 "
            "and more count as 1"
        )
    return value


class RowScorer(ABC):
    """Base of a scorer of your own: it adds scores to each row that is evaluated.

    The app's first score stays the primary one. A scorer added later scores what is evaluated
    from then on.
    """

    @abstractmethod
    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, each in [0, 1], under names that the app does not use."""


def find(named: Sequence[str], root: Path | None) -> Mapping[str, RowScorer]:
    """The scorers that fullturn.toml names or installed packages offer, by name.

    Raises:
        SettingsError: one cannot be created, or is no RowScorer.
    """
    return plugins.chosen("scorer", named, root, RowScorer)


def added(scores: Scores, scorers: Mapping[str, RowScorer], row: Example, output: Output) -> Scores:
    """The app's scores, and those of the scorers.

    Raises:
        AppError: a scorer raised, or gives a score of a name that is taken.
    """
    found = dict(scores)
    for name, scorer in scorers.items():
        call = partial(scorer.score, row, output)
        more = plugins.asked(f"scorer '{name}'", call, on=f"row '{row.id}'")
        if not isinstance(more, Mapping):
            raise AppError(f"scorer '{name}' returned {shown(more)}; return scores by their names")
        taken = sorted(more.keys() & found.keys())
        if taken:
            raise AppError(
                f"scorer '{name}' gives the score '{taken[0]}', and there is one of this name; "
                "give it another"
            )
        found |= more
    return found


RENAMED_METRICS: Mapping[str, str] = {
    "right": "accuracy",
    "found_at_1": "recall_at_1",
    "found_at_3": "recall_at_3",
    "abstained_right": "abstention_accuracy",
}


def renamed_metrics(app: object) -> Mapping[str, str]:
    """Old names of an app's metrics and what replaced them; empty for most apps."""
    names: Mapping[str, str] = getattr(app, "renamed_metrics", {})
    return names
