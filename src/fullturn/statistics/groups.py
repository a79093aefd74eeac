"""Rows added up per group: paraphrases of one question are one observation, not several."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fullturn.statistics.inputs import Codes, Floats


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
