"""What a model answered as columns beside the rows.

`label` becomes `predicted_label`; probabilities become a column each,
`predicted_probabilities.yes`; other lists and mappings become JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from fullturn.batch.files import array_of
from fullturn.core.entities import Output

PREFIX = "predicted_"
ERROR = "error"


def with_outputs(
    batch: pa.RecordBatch, outputs: Sequence[Output | None], errors: Sequence[str | None] | None
) -> pa.Table:
    """The batch with the outputs of its rows; with `errors`, why a row has none."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name, values in (_plain(outputs) or _by_name(outputs)).items():
        columns[_free(PREFIX + name, batch.schema.names)] = values
    if errors is not None:
        columns[_free(ERROR, batch.schema.names)] = pa.array(errors, pa.string())
    return pa.table(columns)


def _plain(outputs: Sequence[Output | None]) -> dict[str, pa.Array] | None:
    """The outputs by name, if Arrow finds one type for each; else None.

    It reads them all at once, which is several times faster than a look at each.
    """
    try:
        found = pa.array(outputs)
    except (pa.ArrowException, OverflowError, TypeError):
        return None
    if not pa.types.is_struct(found.type):
        return None
    columns: dict[str, pa.Array] = {}
    for field, values in zip(found.type, found.flatten(), strict=True):
        if _are_shares(values):
            for key, shares in zip(field.type, values.flatten(), strict=True):
                columns[f"{field.name}.{key.name}"] = shares
        elif pa.types.is_nested(field.type):
            columns[field.name] = array_of(
                [one.get(field.name) if one else None for one in outputs]
            )
        else:
            columns[field.name] = values
    return columns


def _are_shares(values: pa.Array) -> bool:
    """Whether these are mappings to floats, all with the same keys."""
    return pa.types.is_struct(values.type) and all(
        pa.types.is_float64(one.type) and one.null_count == values.null_count
        for one in values.flatten()
    )


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _by_name(outputs: Sequence[Output | None]) -> dict[str, pa.Array]:
    found: dict[str, pa.Array] = {}
    for name in dict.fromkeys(chain.from_iterable(one for one in outputs if one)):
        values = [one.get(name) if one else None for one in outputs]
        if shares := _shares(values):
            for key in shares:
                found[f"{name}.{key}"] = pa.array([one.get(key) if one else None for one in values])
        else:
            found[name] = array_of(values)
    return found


def _shares(values: Sequence[Any]) -> tuple[str, ...]:
    """The keys, if all of these are mappings to numbers with the same ones."""
    keys: tuple[str, ...] = ()
    for value in values:
        if value is None:
            continue
        if not isinstance(value, Mapping) or (keys and tuple(value) != keys):
            return ()
        keys = keys or tuple(value)
        if not all(isinstance(one, float) for one in value.values()):
            return ()
    return keys
