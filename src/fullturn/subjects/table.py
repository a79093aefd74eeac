"""The contract of a table: inputs by kind, a label, and the columns that settings name a role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fullturn.core.entities import Column, Contract, Kind, Role
from fullturn.core.errors import SettingsError
from fullturn.core.settings import DataSettings
from fullturn.core.wording import listed


def contract(
    data: DataSettings,
    inputs: Mapping[str, Kind],
    label_kind: Kind,
    optional: frozenset[str] = frozenset(),
) -> Contract:
    """The contract of rows with these inputs, of which those in `optional` may be empty.

    `[data.columns]` may also give the kind of the label, and of the time column, a date by default.
    Where it is set, whole numbers in categories have one spelling. Rows are identified by
    the id column; without one, by all inputs and the label together, so that equal inputs may have
    different labels; `[data] equal_rows` says what happens to those that are equal in all of it.
    With `[data] time_is_input`, the time column is the last input.

    Raises:
        SettingsError: no label is named, a column has two roles, or the time is to be an input and
            no column is named.
    """
    label = data.label
    if label is None:
        raise SettingsError("[data] label is not set in fullturn.toml: name the label's column")
    kinds = {label: label_kind} | ({data.time: "date"} if data.time else {})
    named = {name: kind for name, kind in data.columns.items() if name in kinds}
    kinds |= named
    inputs = {name: kind for name, kind in inputs.items() if name not in (*named, *data.ignore)}
    check_roles(data, label, inputs)
    if data.time_is_input and not data.time:
        raise SettingsError("[data] time_is_input = true: name the column as [data] time")
    plain = bool(data.columns)

    def column(name: str, kind: Kind, role: Role = "input", *, required: bool = True) -> Column:
        numbers = plain and kind == "category"
        first = data.day_first if kind == "date" else None
        return Column(name, kind, role, required=required, plain_numbers=numbers, day_first=first)

    times: list[Column] = []
    if data.time:
        role: Role = "input" if data.time_is_input else "time"
        times = [replace(column(data.time, kinds[data.time], role), orders_rows=data.time_is_input)]

    columns = [
        *([column(data.id, "category", "id")] if data.id else []),
        *(column(name, kind, required=name not in optional) for name, kind in inputs.items()),
        *([column(data.group, "category", "group")] if data.group else []),
        *times,
        *(column(name, "category", "slice", required=False) for name in data.slices),
        column(label, kinds[label], "label"),
        *(one for one in placement(data, ()) if one.name in ("_group", "_split")),
    ]
    texts = [name for name, kind in inputs.items() if kind == "text"]
    return Contract(
        columns=tuple(columns),
        key=(data.id,) if data.id else (*inputs, *filter(None, [data.time]), label),
        near_duplicates="report",
        text=texts[0] if len(texts) == 1 else None,
        equal_rows="drop" if data.id else data.equal_rows,
    )


def placement(data: DataSettings, taken: Iterable[str]) -> tuple[Column, ...]:
    """The columns of group and split. Where a column of that name is `taken` for something else, or
    ignored, the rows' own group and split are in a column of another name."""
    group = data.group or ("_group" if "group" in (*taken, *data.ignore) else "group")
    split = "_split" if "split" in (*taken, *data.ignore, group) else "split"
    plain = bool(data.columns)
    return (
        Column(group, "category", "group", required=False, plain_numbers=plain),
        Column(split, "category", "split", required=False),
    )


def check_roles(data: DataSettings, label: str, inputs: Mapping[str, Kind]) -> None:
    """Raises SettingsError: a column has two roles."""
    named = [("label", label), ("id", data.id), ("group", data.group), ("time", data.time)]
    named += [("slice", name) for name in data.slices]
    roles = {name: role for role, name in named if name is not None}
    doubled = [name for name in roles if name in inputs or name in data.ignore]
    if doubled or len(roles) < sum(name is not None for _, name in named):
        raise SettingsError(
            f"[data]: {listed(doubled or list(roles))}: a column has one role; it is an input, the "
            "label, the id, the group, the time, a slice, or ignored"
        )
