"""A digest of content: the same rows give the same digest in any order and any file layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fullturn.core.values import canonical


def row_digest(row: Mapping[str, Any]) -> str:
    """sha256 (hex) of one row; a null is the same as an absent column."""
    present = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(canonical(present).encode()).hexdigest()


def dataset_digest(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """sha256 (hex) over the sorted row digests, after the sorted column names."""
    return combined(map(row_digest, rows), columns)


def combined(row_digests: Iterable[str], columns: Sequence[str]) -> str:
    """The dataset digest, from row digests that are already at hand."""
    total = hashlib.sha256(canonical(sorted(columns)).encode())
    for digest in sorted(row_digests):
        total.update(digest.encode())
    return total.hexdigest()
