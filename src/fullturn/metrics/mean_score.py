"""A score that the subject itself gives each row."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.core.errors import StatisticsInputError
from fullturn.core.wording import listed
from fullturn.metrics.metric import RowMetric, Rows


class MeanScore(RowMetric):
    """The mean of one of the subject's scores, each in [0, 1]; higher is better."""

    bounds = (0.0, 1.0)

    def __init__(self, name: str) -> None:
        self.name = name

    def values(self, rows: Rows) -> Sequence[float]:
        """The score of each row."""
        for row in rows:
            if self.name not in row.scores:
                raise StatisticsInputError(
                    f"there is no score '{self.name}', only: {listed(list(row.scores)) or 'none'}"
                )
        return [row.scores[self.name] for row in rows]
