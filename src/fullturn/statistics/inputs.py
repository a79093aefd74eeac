"""What goes into a test, checked once: scores in range, and rows added up per group."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """Groups with equal sum and size are stored once; all three arrays have shape (kinds,)."""

    sums: Floats
    sizes: Floats
    counts: Floats
    """How many groups are of this kind; fractions are allowed when planning."""

    @property
    def rows(self) -> float:
        return float(self.counts @ self.sizes)

    @property
    def groups(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean over rows, not over groups."""
        return float(self.counts @ self.sums) / self.rows

    @property
    def typical_size(self) -> float:
        """The mean size of the group that a row belongs to; with equal groups, their size.

        Larger than the mean size when few groups hold most rows, which is what counts:
        rows ÷ typical size is Kish's effective number of groups (Survey Sampling, 1965).
        """
        return float(self.counts @ self.sizes**2) / self.rows

    def mirrored(self) -> GroupTotals:
        """The same groups with the sign of every value changed."""
        return GroupTotals(-self.sums, self.sizes, self.counts)


def group_totals(values: Floats, codes: Codes) -> GroupTotals:
    """Add up `values`, shape (rows,), by group code, shape (rows,)."""
    sums = np.bincount(codes, weights=values)
    sizes = np.bincount(codes)
    kinds, counts = np.unique(sums + 1j * sizes, return_counts=True)
    return GroupTotals(kinds.real, kinds.imag, counts.astype(np.float64))


def standard_error(totals: GroupTotals, reach: float = 1.0) -> float:
    """Cluster-robust (CR1) standard error of the row mean of differences in [-reach, reach].

    Half a group of +reach and half a group of -reach are added, in the manner of Agresti and Min
    (Statistics in Medicine 24, 2005): without them, no discordant group would mean no error.
    CR1: Cameron and Miller, Journal of Human Resources 50 (2015), section II.
    """
    residuals = totals.sums - totals.mean * totals.sizes
    groups, added = totals.groups, totals.typical_size
    squares = groups / (groups - 1) * float(totals.counts @ residuals**2)
    return math.sqrt(squares + added**2 * (reach**2 + totals.mean**2)) / (totals.rows + added)
