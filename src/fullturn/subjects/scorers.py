"""Scores of a row beside those of the app: of a project's own, or of an installed package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from fullturn.core import plugins
from fullturn.core.entities import Example, Output, Scores
from fullturn.core.errors import AppError
from fullturn.core.wording import shown


class RowScorer(ABC):
    """Base of a scorer of one's own: it adds scores to each row that is evaluated.

    The app's first score stays the primary one. A scorer added later scores what is evaluated
    from then on.
    """

    @abstractmethod
    def score(self, row: Example, output: Output) -> Scores:
        """Scores of one output, each in [0, 1], under names that the app does not use."""


def find(named: Sequence[str], root: Path | None) -> Mapping[str, RowScorer]:
    """The scorers that fullturn.toml names or installed packages offer, by name.

    Raises:
        SettingsError: one cannot be made, or is no RowScorer.
    """
    return plugins.chosen("scorer", named, root, RowScorer)


def added(scores: Scores, scorers: Mapping[str, RowScorer], row: Example, output: Output) -> Scores:
    """The app's scores, and those of the scorers.

    Raises:
        AppError: a scorer raised, or gives a score of a name that is taken.
    """
    found = dict(scores)
    for name, scorer in scorers.items():
        try:
            more = scorer.score(row, output)
        except Exception as error:
            raise AppError(
                f"scorer '{name}' raised {error!r} on row '{row.id}'; correct it"
            ) from error
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
