"""What a registered model and a table say of the project that is to operate them.

Every conclusion has a reason, which fullturn.toml gets as a comment: a person can correct it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fullturn.core.entities import EqualRows, Kind
from fullturn.core.errors import AppError, BundleError, DataError
from fullturn.core.settings import DataSettings
from fullturn.core.values import checked
from fullturn.core.wording import listed, nearest
from fullturn.data.inference import Inference, equal_rows, infer
from fullturn.store.pyfunc import ModelFile, described
from fullturn.subjects import table
from fullturn.subjects.mlflow_model import reference
from fullturn.subjects.mlflow_model.answers import as_label
from fullturn.subjects.mlflow_model.opening import Opener
from fullturn.subjects.mlflow_model.reference import Reading
from fullturn.subjects.spread import spread

Task = Literal["classification", "regression"]
Rows = Sequence[Mapping[str, Any]]
PROBED = 50
"""Rows that a model answers so that its task is known."""
MARGIN = 0.03
"""Non-inferiority margin of a regression's mean absolute error, in scales."""
_SAID = "as you said"
_MAY_BE_MISSING = frozenset({"double", "float", "string", "datetime"})
"""Types of a signature in which MLflow accepts a missing value."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a table that no model reads."""

    label: str
    id: str | None = None
    group: str | None = None
    time: str | None = None
    slices: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them but the label."""
        return tuple(filter(None, (self.id, self.group, self.time, *self.slices)))


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Something that was inferred, and why."""

    what: str
    found: str
    why: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a model may do, and how it is run."""

    allow_pickle: bool = False
    env: Literal["local", "isolated"] = "local"


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of the model and the table; all else is inferred."""

    roles: Roles
    allowed: Allowed
    task: Task | None = None
    unseen: str | None = None
    """Why no test row can have been trained on."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the model reads of the table, and what the table says of its label."""

    kinds: Mapping[str, Kind]
    optional: tuple[str, ...]
    reasons: Mapping[str, str]
    label: Inference
    equal: tuple[EqualRows, str] | None = None
    """What is done with rows that are equal, and why; None if they have ids."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model is asked for."""

    task: Task
    why: str
    classes: tuple[str, ...] = ()
    """Labels in the order of the probabilities, for a model that answers with those alone."""
    scale: float | None = None
    probabilities: bool = False
    """Whether the model answers those of its labels."""


def refuse_unsafe(address: str, files: Path, allowed: Allowed) -> None:
    """Refuse a model that may run code, unless that is allowed.

    Raises:
        BundleError: it may, and it is not.
    """
    reasons = reference.unsafe(files, described(files))
    if reasons and not allowed.allow_pickle:
        raise BundleError(
            f"{address} can run any code when it is loaded ({reasons[0]}): if you trust whoever "
            "registered it, add --allow-pickle, and it is loaded in a process of its own; or log "
            "it in the format skops"
        )


def columns_of(address: str, model: ModelFile, rows: Rows, said: Said) -> Columns:
    """The columns that a model reads, by its signature; where that names none, by the table.

    Raises:
        DataError: the table lacks the label, a column of a role, or one that the model reads.
    """
    found = _columns_of(address, model, rows, said)
    if said.roles.id is not None:
        return found
    return replace(found, equal=equal_rows(rows, list(found.kinds), said.roles.label))


def _columns_of(address: str, model: ModelFile, rows: Rows, said: Said) -> Columns:
    roles, inferred = said.roles, _inferred(rows, said.roles, said.task)
    found = {one.name: one for one in inferred.columns}
    if not model.columns:
        named = [one for one in inferred.columns if one.kind and one.name not in roles.names]
        kinds: dict[str, Kind] = {one.name: one.kind for one in named if one.kind}
        optional = tuple(one.name for one in named if one.is_optional)
        reasons = {one.name: one.reason for one in named}
        return Columns(kinds, optional, reasons, inferred)
    _check_read(address, model, list(found), roles)
    kinds, reasons, may_miss = {}, {}, []
    for column in model.columns:
        if column.name not in found:
            continue
        here = found[column.name]
        kind = reference.kind_of(column)
        is_text = kind == "category" and here.kind == "text"
        kinds[column.name] = "text" if is_text else kind
        reasons[column.name] = f"{column.type} in the signature; {here.reason}"
        is_missing = here.is_optional and column.type in _MAY_BE_MISSING
        if not column.required or is_missing:
            may_miss.append(column.name)
    return Columns(kinds, tuple(may_miss), reasons, inferred)


def asked_of(address: str, files: Path, rows: Rows, columns: Columns, said: Said) -> Asked:
    """What the model is asked for, from what it answers to some rows.

    Raises:
        AppError: it cannot be loaded, or raises.
        DataError: no row of the table fits its inputs, or its labels are others than the table's.
    """
    allowed, label = said.allowed, said.roles.label
    env, pickle = allowed.env, allowed.allow_pickle
    model = Opener().opened(
        address, files, Reading("classification", columns.kinds, allow_pickle=pickle, env=env)
    )
    try:
        answer = model.answer(_probes(rows, columns, label))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise AppError(f"{address}: {error}") from error
    labels = [str(row[label]) for row in rows if row.get(label) not in (None, "")]
    if (said.task or _task(answer, columns.label)) == "regression":
        numbers = [float(one) for one in labels if _is_number(one)]
        why = f"the model answers numbers, and the label has {columns.label.task_reason}"
        return Asked("regression", _SAID if said.task else why, scale=spread(numbers) or 1.0)
    return classification(address, answer, labels, said.task)


def lines(head: Head, data: DataFiles, columns: Columns, asked: Asked, said: Said) -> Iterator[str]:
    """The lines of fullturn.toml, each conclusion with its reason."""
    yield "# Written by `fullturn adopt`. What was inferred has its reason beside it; correct it."
    yield f"name = {_text(head.name)}"
    yield 'app = "mlflow_model"'
    if head.tracking_uri:
        yield f"tracking_uri = {_text(head.tracking_uri)}"
    yield from _model_lines(head, asked, said)
    yield from _data_lines(data, columns, said.roles)
    yield from _gate_lines(asked)


@dataclass(frozen=True, slots=True)
class DataFiles:
    """Files in the project."""

    rows: str
    test: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The project's name, the model's address, and the server's, where it is to be written."""

    name: str
    model: str
    tracking_uri: str | None


def _model_lines(head: Head, asked: Asked, said: Said) -> Iterator[str]:
    yield from ("", "[model]")
    yield f"uri = {_text(head.model)}  # its newest version is the candidate"
    yield f'task = "{asked.task}"  # {_comment(asked.why)}'
    if asked.classes:
        yield f"classes = {_texts(asked.classes)}  # order of the probabilities: sorted labels"
    if asked.scale is not None:
        yield f"scale = {asked.scale!r}  # width of the middle half of the labels"
    if said.allowed.allow_pickle:
        yield "allow_pickle = true  # in a process of its own; the gate's report says so"
    if said.allowed.env != "local":
        yield f'env = "{said.allowed.env}"  # packages that each version declares'
    if said.unseen:
        yield f"unseen = {_text(said.unseen)}"
    else:
        yield '# unseen = "why no test row was trained on"  # unknown, and the gate says so'


def _data_lines(data: DataFiles, columns: Columns, roles: Roles) -> Iterator[str]:
    yield from ("", "[data]", f"files = {_texts([data.rows])}")
    if data.test:
        yield f"test = {_texts([data.test])}"
    yield f"label = {_text(roles.label)}"
    for role in ("id", "group", "time"):
        if value := getattr(roles, role):
            yield f"{role} = {_text(value)}"
    if roles.slices:
        yield f"slices = {_texts(roles.slices)}"
    if columns.equal:
        equal, why = columns.equal
        yield f"equal_rows = {_text(equal)}" + (f"  # {_comment(why)}" if why else "")
    if columns.optional:
        yield f"optional = {_texts(columns.optional)}  # may be missing"
    yield "train_share = 0.1  # for the trivial baseline alone: nothing is trained here"
    yield "validation_share = 0.2"
    yield from ("", "[data.columns]")
    for name, kind in columns.kinds.items():
        yield f'{_text(name)} = "{kind}"  # {_comment(columns.reasons[name])}'
    times = {one.name: one.kind for one in columns.label.columns if one.name == roles.time}
    if (order := times.get(roles.time or "")) not in (None, "date"):
        yield f'{_text(roles.time or "")} = "{order}"  # the order of the rows'
    if columns.label.label.kind == "boolean":
        yield f'{_text(roles.label)} = "boolean"'


def _gate_lines(asked: Asked) -> Iterator[str]:
    if asked.probabilities:
        yield from ("", "[gates]", 'metrics = ["roc_auc"]  # the model answers probabilities')
    if asked.scale is not None:
        margins = f"{{ mae = {MARGIN * asked.scale:.3g}, r2 = {MARGIN} }}"
        yield from ("", "[gates]", 'primary = "mae"', 'metrics = ["mae", "r2"]')
        yield f"margins = {margins}  # of the error, 3 % of the scale"


def _inferred(rows: Rows, roles: Roles, task: Task | None) -> Inference:
    header = list(dict.fromkeys(name for row in rows for name in row if not name.startswith("_")))
    for name in (roles.label, *roles.names):
        if name not in header:
            raise DataError(
                f"the data have no column '{name}'{nearest(name, header)}; they have "
                f"{listed(header)}"
            )
    return infer(rows, roles.label, roles.names, task)


def _check_read(address: str, model: ModelFile, header: Sequence[str], roles: Roles) -> None:
    read = {one.name for one in model.columns}
    doubled = [name for name in (roles.label, *roles.names) if name in read]
    if doubled:
        raise DataError(
            f"{address} reads {listed(doubled)}: a column that a model reads cannot also be the "
            "label, the id, the group, the time or a slice; copy it under another name"
        )
    lacking = [one.name for one in model.columns if one.required and one.name not in header]
    if lacking:
        others = [name for name in header if name not in read]
        hint = nearest(lacking[0], others)
        also = f"; it has, besides what the model reads: {listed(others)}" if others else ""
        raise DataError(f"{address} reads {listed(lacking)}, which the data lack{hint}{also}")


def _probes(rows: Rows, columns: Columns, label: str) -> list[Mapping[str, Any]]:
    """A few rows as the contract stores them; those that break it are the commit's to report."""
    data, optional = DataSettings(label=label), frozenset(columns.optional)
    contract = table.contract(data, columns.kinds, "category", optional)
    found: list[Mapping[str, Any]] = []
    problem: DataError | None = None
    for row in rows[:: max(1, len(rows) // PROBED)]:
        try:
            inputs = {name: row.get(name) for name in columns.kinds}
            found.append(checked(inputs, contract))
        except DataError as error:
            problem = problem or error
    if not found:
        raise problem or DataError("the data have no rows")
    return found


def _task(answer: Mapping[str, Any], inferred: Inference) -> Task:
    values = [one for one in answer["values"] if one is not None]
    if "classes" in answer or any(isinstance(one, str | bool | Mapping | list) for one in values):
        return "classification"
    return inferred.task


def classification(
    address: str, answer: Mapping[str, Any], labels: Sequence[str], said: Task | None = None
) -> Asked:
    """How labels are read from what a model answered to some rows; `labels` are the table's.

    Raises:
        DataError: the model answers other labels, or probabilities of more or fewer.
    """
    known = sorted({as_label(_written(label)) for label in labels})
    values, shares = answer["values"], "classes" in answer
    classes: tuple[str, ...] = ()
    if shares:
        answered = [as_label(one) for one in answer["classes"]]
    elif isinstance(values[0], list) or _are_probabilities(values):
        answered, classes = known, tuple(known)
        width = len(values[0]) if isinstance(values[0], list) else 2
        if width != len(known):
            raise DataError(
                f"{address} answers {width} probabilities, and the label has {len(known)} values: "
                f"{listed(known)}"
            )
    else:
        answered = sorted({as_label(_label_in(one)) for one in values})
        shares = isinstance(values[0], Mapping) and "probabilities" in values[0]
    if not set(answered) & set(known):
        raise DataError(
            f"{address} answers {listed(answered)}, and the label of the data is {listed(known)}: "
            "they have no label in common; name the column with the labels that the model gives"
        )
    why = _SAID if said else f"the model answers {listed(answered)}"
    return Asked("classification", why, classes, probabilities=shares or bool(classes))


def _written(label: str) -> Any:
    """A label of a file, so that '1.0' and 'True' are spelled as a model's."""
    if label.lower() in ("true", "false"):
        return label.lower()
    return float(label) if _is_number(label) else label


def _label_in(value: Any) -> Any:
    return value.get("label") if isinstance(value, Mapping) else value


def _are_probabilities(values: Iterable[Any]) -> bool:
    numbers = list(values)
    if not all(isinstance(one, float) and 0 <= one <= 1 for one in numbers):
        return False
    return any(not one.is_integer() for one in numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _comment(text: str) -> str:
    return " ".join(text.split())


def _text(value: str) -> str:
    """A basic string of TOML: JSON's, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
