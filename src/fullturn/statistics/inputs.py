"""What goes into a test, checked once: scores in range, and one group per row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fullturn.core.errors import StatisticsInputError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def as_scores(values: npt.ArrayLike, name: str, low: float = 0.0, high: float = 1.0) -> Floats:
    """One-dimensional finite numbers in [low, high], shape (rows,); `name` goes into the error.

    Raises StatisticsInputError for an empty or nested list, text, NaN, or a value out of range.
    """
    try:
        scores = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StatisticsInputError(f"{name} must be numbers: {error}") from error
    if scores.ndim != 1 or scores.size == 0:
        raise StatisticsInputError(
            f"{name} has shape {scores.shape}; give one number per row, and at least one row"
        )
    outside = np.flatnonzero(~((scores >= low) & (scores <= high)))
    if outside.size:
        row = int(outside[0])
        raise StatisticsInputError(
            f"{name}[{row}] is {scores[row]}, outside [{low:g}, {high:g}]: "
            "rescale the score, or leave out rows that have none"
        )
    return scores


def as_groups(groups: npt.ArrayLike, rows: int) -> Codes:
    """Integer codes 0 … G-1 for the group labels, shape (rows,).

    Raises StatisticsInputError unless there is one label per row and at least two groups.
    """
    labels = np.asarray(groups)
    if labels.shape != (rows,):
        raise StatisticsInputError(
            f"groups has shape {labels.shape}, but there are {rows} rows: give one label per row"
        )
    try:
        names, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise StatisticsInputError(f"groups mix types that do not compare: {error}") from error
    if names.size < 2:
        raise StatisticsInputError(
            f"all {rows} rows belong to group '{labels[0]}': at least 2 groups are needed"
        )
    return codes


def as_pair(candidate: npt.ArrayLike, reference: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Two score columns in [0, 1] of the same rows; raises StatisticsInputError otherwise."""
    ours, theirs = as_scores(candidate, "candidate"), as_scores(reference, "reference")
    if ours.size != theirs.size:
        raise StatisticsInputError(
            f"candidate has {ours.size} rows and reference {theirs.size}: "
            "pair the rows by id before comparing"
        )
    return ours, theirs


def as_share(value: float, name: str) -> float:
    """A number strictly between 0 and 1, such as a confidence; raises StatisticsInputError."""
    if not 0.0 < value < 1.0:
        raise StatisticsInputError(f"{name} is {value}: it must lie strictly between 0 and 1")
    return float(value)
