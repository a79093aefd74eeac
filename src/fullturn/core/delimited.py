"""How the text of a file is to be read, as found at its beginning: what commit and batch share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HEAD = 1 << 18
"""Bytes of a file that are looked at."""
Chunks = Callable[[], Iterator[bytes]]
"""Reads a file from its start, `HEAD` bytes at a time."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """The encoding of a text; of delimited text also its columns."""

    encoding: str
    separator: str = ","
    names: tuple[str, ...] = ()
    above: int = 0
    """Lines above the first row."""
    numerals: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """By column, what makes its cells numbers as Python reads them; others stay as they are."""


FormOf = Callable[[Path, Chunks], TextForm]
"""Finds the form of a file; raises DataError if it is no text that can be read."""
