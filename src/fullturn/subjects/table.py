"""The contract of a table: inputs by kind, a label, and the columns that settings name a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fullturn.core.entities import Column, Contract
from fullturn.core.errors import SettingsError
from fullturn.core.settings import DataSettings
from fullturn.core.wording import listed

Kind = Literal["number", "category", "text"]


def contract(
    data: DataSettings,
    inputs: Mapping[str, Kind],
    label_kind: Kind,
    optional: frozenset[str] = frozenset(),
) -> Contract:
    """The contract of rows with these inputs, of which those in `optional` may be empty.

    Rows are identified by the id column; without one, by all inputs and the label together, so
    that equal inputs may have different labels.

    Raises:
        SettingsError: no label is named, or a column has two roles.
    """
    label = data.label
    if label is None:
        raise SettingsError("[data] label is not set in fullturn.toml: name the label's column")
    named = [("label", label), ("id", data.id), ("group", data.group)]
    named += [("slice", name) for name in data.slices]
    roles = {name: role for role, name in named if name is not None}
    doubled = [name for name in roles if name in inputs]
    if doubled or len(roles) < sum(name is not None for _, name in named):
        raise SettingsError(
            f"[data]: {listed(doubled or list(roles))}: a column has one role; it is an input, the "
            "label, the id, the group or a slice"
        )
    columns = [
        *([Column(data.id, "category", "id")] if data.id else []),
        *(Column(name, kind, required=name not in optional) for name, kind in inputs.items()),
        *([Column(data.group, "category", "group")] if data.group else []),
        *(Column(name, "category", "slice", required=False) for name in data.slices),
        Column(label, label_kind, "label"),
    ]
    texts = [name for name, kind in inputs.items() if kind == "text"]
    return Contract(
        columns=tuple(columns),
        key=(data.id,) if data.id else (*inputs, label),
        near_duplicates="report",
        text=texts[0] if len(texts) == 1 else None,
    )
