"""Scores as an app gives them, checked: what is no score is an error, wherever it is asked for."""

from __future__ import annotations

import math

from fullturn.core.entities import Example, Output
from fullturn.core.errors import AppError, FullturnError
from fullturn.subjects.protocols import Scorer


def scores_of(scorer: Scorer, example: Example, output: Output) -> dict[str, float]:
    """Scores of one output, each within [0, 1], the primary one first.

    Raises:
        AppError: score() raised, gave no score, or one that is no number within [0, 1].
    """
    try:
        scores = {name: float(value) for name, value in scorer.score(example, output).items()}
    except FullturnError:
        raise
    except Exception as error:
        raise AppError(f"score() raised {error!r} on row '{example.id}'") from error
    if not scores:
        raise AppError(f"score() gave no score for row '{example.id}': give at least one")
    for name, value in scores.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise AppError(f"score '{name}' of row '{example.id}' is {value}, not within [0, 1]")
    return scores
