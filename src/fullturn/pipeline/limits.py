"""How much room the lists and texts of a report get."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """Most entries of a list, rows that flipped (each way), checks, and characters of a text."""

    lists: int
    flips: int
    checks: int
    text: int


ROOMS = (
    ReportLimits(20, 10, 40, 300),
    ReportLimits(12, 6, 30, 160),
    ReportLimits(6, 3, 20, 80),
    ReportLimits(3, 2, 5, 60),
)
"""The first with which the page is short enough is taken; with the last one it always is."""


def left_out(entries: Sized, most: int) -> str:
    """A line on what a list does not show; empty if it shows all."""
    left = len(entries) - most
    return f"… and {left:,} more, left out here; all are in the report's JSON." if left > 0 else ""
