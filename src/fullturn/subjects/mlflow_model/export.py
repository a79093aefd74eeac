"""Rows as Parquet files, for code that is not fullturn's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core.entities import Contract, Dataset, Example, Split

EXPORTED: tuple[Split, ...] = ("train", "validation")
"""Never the test rows: they are for the gate."""


def write(data: Dataset, contract: Contract, folder: Path) -> dict[str, Path]:
    """A Parquet file of each exported split, by its name.

    Columns are the inputs, the label, and the id, group and slices where the project has them.
    Numbers are doubles, truth values booleans, everything else text.
    """
    files = {split: folder / f"{split}.parquet" for split in EXPORTED}
    for split, path in files.items():
        _write(data.split(split), contract, path)
    return {str(split): path for split, path in files.items()}


def _write(rows: Sequence[Example], contract: Contract, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    of_kind = {"number": pa.float64(), "boolean": pa.bool_()}
    columns = [c for c in contract.columns if c.role not in ("split", "extra")]
    values = [_cells(row, contract) for row in rows]
    table = {
        c.name: pa.array(
            [_cell(row.get(c.name), c.kind) for row in values], of_kind.get(c.kind, pa.string())
        )
        for c in columns
    }
    parquet.write_table(pa.table(table), path)


def _cells(row: Example, contract: Contract) -> Mapping[str, Any]:
    """All columns of a row by name."""
    named = dict.fromkeys(contract.names("id"), row.id)
    named |= dict.fromkeys(contract.names("group"), row.group)
    return {**named, **row.slices, **row.input, **row.expected}


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "number":
        return float(value)
    if kind == "boolean":
        return str(value).lower() == "true"
    return str(value)
