"""Scores of scorers beside the app: their faults name them, and the row."""

from __future__ import annotations

import pytest

from fullturn.core.entities import Example, Output, Scores
from fullturn.core.errors import AppError, FullturnError, SettingsError
from fullturn.subjects.scores import RowScorer, added

ROW = Example("row-1", {"x": 1.0}, {"y": "a"}, "test", "", {})


class Failing(RowScorer):
    """It raises what a test gives it."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def score(self, row: Example, output: Output) -> Scores:
        raise self._error


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (
            KeyError("y"),
            AppError,
            r"scorer 'own' raised KeyError\('y'\) on row 'row-1' in test_scores.py, line \d+; ",
        ),
        (SettingsError("set OWN_TOKEN"), SettingsError, "^set OWN_TOKEN$"),
    ],
)
def test_a_scorer_that_raises_is_named_and_an_error_of_fullturn_s_own_passes(
    raised: Exception, kind: type[FullturnError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        added({"accuracy": 1.0}, {"own": Failing(raised)}, ROW, {})
