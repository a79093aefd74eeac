"""Whether a label moves with time, before anything is committed: from cells as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fullturn.core.spelling import date_text, moment


def times_and_labels(
    rows: Sequence[Mapping[str, Any]], time: str, label: str
) -> tuple[list[float], list[str]]:
    """The time of each row and its label as text; rows without one of them are left out."""
    known = {cell: _seconds(cell) for cell in {row.get(time) for row in rows}}
    pairs = [
        (at, str(row[label]).strip())
        for row in rows
        if (at := known[row.get(time)]) is not None and row.get(label) not in (None, "")
    ]
    return [at for at, _ in pairs], [one for _, one in pairs]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, with the mean rank for equal values, from -1 to 1; 0 if one side is constant."""
    import numpy as np

    if len(set(one)) < 2 or len(set(other)) < 2:
        return 0.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> Any:
    import numpy as np

    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _seconds(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        text = None if cell is None else date_text(cell)
    try:
        return None if text is None else moment(text).timestamp()
    except (ValueError, OverflowError):
        return None
