"""A row's fingerprint: equal for rows that differ in case, spacing and punctuation only."""

from __future__ import annotations

import hashlib
import re

from fullturn.core.entities import Example, Input


def fingerprint(example: Example) -> str:
    """16 hexadecimal digits over the words and numbers of the input."""
    return digest_of(example.input)


def digest_of(row: Input) -> str:
    """The same of an input alone."""
    text = "\0".join(f"{key}={value}" for key, value in sorted(row.items()))
    words = " ".join(re.findall(r"[\w.=\0]+", text.casefold()))
    return hashlib.sha256(words.encode()).hexdigest()[:16]
