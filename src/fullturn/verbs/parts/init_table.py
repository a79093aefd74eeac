"""The settings of a new project for a table and a label, inferred from the rows, with reasons."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fullturn.core.errors import DataError, UsageError
from fullturn.core.showing import Block, Result, grid, line, styled, view
from fullturn.core.wording import cut, lines, listed, nearest, shown

if TYPE_CHECKING:
    from fullturn.data.inference import Inference

Task = Literal["classification", "regression"]
VALIDATION_ROWS, TEST_ROWS = 5_000, 20_000
"""As many decide a race and a gate; of larger tables, more rows are better used for training."""
RARE = 0.25
"""A label this much rarer than the most frequent one is weighted."""
CANDIDATES: Mapping[Task, int] = {"classification": 4, "regression": 6}
AUC_ROWS = 1_000
"""Test rows from which AUC can show that a candidate is no worse by its margin."""
TIME_VALIDATION = 0.1
"""Share of the validation rows of a split by time, at most."""
MOVES = 0.1
"""Rank correlation of label and time from which the label moves with it, if it is no chance."""
SKEWED = 1.0
"""Skewness of labels from which a logarithmic scale is proposed."""
_LISTED = 40
_WIDTHS = (28, 48)
"""Letters of a name and of a reason, so that the table fits into 100 columns."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that a person named, and what the label asks for, if they said so."""

    label: str
    id: str | None = None
    group: str | None = None
    time: str | None = None
    task: Task | None = None

    @property
    def named(self) -> dict[str, str]:
        """Columns with a role besides the label, by role."""
        roles = {"id": self.id, "group": self.group, "time": self.time}
        return {role: name for role, name in roles.items() if name is not None}


@dataclass(frozen=True, slots=True)
class Setting(Result):
    """A line of the new settings, and why it is what it is."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Inferred(Result):
    """What was decided about a table: each column, and the other settings."""

    columns: tuple[Setting, ...]
    decisions: tuple[Setting, ...]


def plan(
    name: str, files: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], roles: Roles
) -> tuple[str, Inferred]:
    """The text of fullturn.toml for these rows, and what was decided; `files` are those of [data],
    by key, and how they are read.

    Raises:
        UsageError: a column has two roles.
        DataError: a named column is missing, or there is nothing to learn from the label.
    """
    from fullturn.data.inference import columns_of, equal_rows, infer

    _check_roles(roles, columns_of(rows))
    order = files.get("day_first")
    found = infer(rows, roles.label, roles.named.values(), roles.task, order)
    labels = _labels(rows, roles.label)
    _check_label(labels, found.task, roles.label)
    _check_columns(found, roles)
    has_test = bool(files.get("test"))
    if found.day_first is not None:
        files = {**files, "day_first": found.day_first}
    equal, why_equal = ("drop", "")
    if roles.id is None:
        equal, why_equal = equal_rows(rows, _inputs(found, roles), roles.label)
        files = {**files, "equal_rows": equal}
    data = _data(files, found, roles, len(rows), has_test=has_test)
    test_rows = 0 if has_test else round(len(rows) * (1 - _shares(data)))
    trend = _trend(rows, roles, found.task)
    sections = [
        section("", {"name": name, "app": "tabular"}),
        section("data", data | ({"time_is_input": True} if trend else {})),
        _columns(found, roles),
        section("model", _model(found, labels)),
        section("experiment", _experiment(found, labels)),
        section("gates", _gates(found, labels, test_rows)),
    ]
    decided = (*_decisions(found, labels, files, test_rows), *_of_time(trend, roles))
    if why_equal:
        decided = (*decided, Setting("[data] equal_rows", equal, why_equal))
    return "\n".join(sections), Inferred(tuple(_settings(found, roles)), decided)


def _check_roles(roles: Roles, header: Sequence[str]) -> None:
    named = {"label": roles.label, **roles.named}
    for role, column in named.items():
        if column not in header:
            raise DataError(
                f"there is no column '{column}' (--{role}){nearest(column, header)}; the file has "
                f"{listed(header, 20)}"
            )
    twice = [column for column, count in Counter(named.values()).items() if count > 1]
    if twice:
        options = listed([f"--{role}" for role, column in named.items() if column == twice[0]])
        raise UsageError(f"'{twice[0]}' is named by {options}; a column has one role")
    if len(header) == len(named):
        raise DataError(
            f"the file has no column besides {listed(list(named.values()))}: nothing is left to "
            "learn from"
        )


def _labels(rows: Sequence[Mapping[str, Any]], label: str) -> Counter[str]:
    filled = (str(row.get(label)).strip() for row in rows if row.get(label) is not None)
    return Counter(cell for cell in filled if cell)


def _check_label(labels: Counter[str], task: Task, label: str) -> None:
    if len(labels) < 2:
        only = f", {shown(next(iter(labels)))}" if labels else ""
        raise DataError(
            f"the label '{label}' has {len(labels)} value{'s' if not labels else ''}{only}: there "
            "is nothing to learn; name another column with --label"
        )
    if task == "classification" and len(labels) == labels.total() and len(labels) > 2:
        raise DataError(
            f"the label '{label}' is different in each of {labels.total():,} rows: nothing can be "
            "learned from one row of a kind; name another column with --label, or, if it is a "
            "quantity, --task regression"
        )


def _check_columns(found: Inference, roles: Roles) -> None:
    """Something is left to learn from, and the time column orders the rows."""
    from fullturn.data.inference import UNCLEAR_DATES

    named = set(roles.named.values())
    for one in found.columns:
        if one.name == roles.time and UNCLEAR_DATES in one.reason:
            raise DataError(
                f"the time column '{one.name}' has {one.reason}: say which with "
                "`fullturn init --day-first` or `--month-first`"
            )
    others = [one for one in found.columns if one.name not in named]
    if not any(one.kind for one in others):
        why = [f"'{one.name}': {one.reason}" for one in others]
        raise DataError(
            f"no column is left that a model could learn from:\n{lines(why)}\nAdd a column that "
            "describes the rows, or name another with --label."
        )


def _data(
    files: Mapping[str, Any],
    found: Inference,
    roles: Roles,
    rows: int,
    *,
    has_test: bool,
) -> dict[str, Any]:
    most = TIME_VALIDATION if roles.time else 0.2
    validation = min(most, max(0.02, VALIDATION_ROWS / max(1, rows)))
    test = 0.0 if has_test else min(0.2, max(0.05, TEST_ROWS / max(1, rows)))
    used = [one for one in found.columns if one.kind and one.name not in roles.named.values()]
    return {
        **files,
        "label": roles.label,
        **roles.named,
        "ignore": found.ignored,
        "optional": [one.name for one in used if one.missing or one.others],
        "train_share": round(1 - validation - test, 3),
        "validation_share": round(validation, 3),
    }


def _inputs(found: Inference, roles: Roles) -> list[str]:
    """What a model reads, and the time."""
    named = set(roles.named.values()) - {roles.time}
    return [one.name for one in found.columns if one.kind and one.name not in named]


def _columns(found: Inference, roles: Roles) -> str:
    """The table [data.columns], with the reason of each kind as a comment."""
    lines = ["[data.columns]  # number, category, boolean, date or text"]
    others = {roles.id, roles.group, None}
    kinds = {one.name: (one.kind, one.reason) for one in found.columns if one.name not in others}
    if roles.time is not None and kinds[roles.time][0] == "date":
        del kinds[roles.time]  # the default of a time column
    if found.label.kind == "boolean":
        kinds[roles.label] = ("boolean", "the label")
    for name, (kind, reason) in kinds.items():
        if kind:
            lines.append(f'{_key(name)} = "{kind}"  # {_comment(reason)}')
    return "\n".join([*lines, ""])


def _model(found: Inference, labels: Counter[str]) -> dict[str, Any]:
    if found.task == "classification":
        return {"task": "classification"}
    return {"task": "regression", "scale": _scale(labels)}


def _experiment(found: Inference, labels: Counter[str]) -> dict[str, Any]:
    weighted = found.task == "classification" and _share(labels) < RARE
    params = {"params": {"class_weight": "balanced"}} if weighted else {}
    if found.task == "regression" and _skewness(labels) is not None:
        params = {"params": {"target": "log"}}
    return {"candidates": CANDIDATES[found.task], **params}


def _gates(found: Inference, labels: Counter[str], test_rows: int) -> dict[str, Any]:
    if found.task == "classification":
        few = 0 < test_rows < AUC_ROWS
        return {"metrics": [] if few else ["roc_auc"], "latency_p95_ms": 100.0}
    margin = float(f"{0.03 * _scale(labels):.3g}")
    margins = {"mae": margin, "r2": 0.03}
    metrics = {"primary": "mae", "metrics": ["mae", "r2"], "margins": margins}
    return {**metrics, "latency_p95_ms": 100.0}


def _share(labels: Counter[str]) -> float:
    """How frequent the rarest label is, next to the most frequent one."""
    return min(labels.values()) / max(labels.values())


def _scale(labels: Counter[str]) -> float:
    from fullturn.subjects.spread import spread

    numbers = [number for text in labels.elements() if (number := _number(text)) is not None]
    return spread(numbers) or 1.0


def _skewness(labels: Counter[str]) -> float | None:
    """That of labels that a logarithmic scale suits: positive, and less skewed on it; else None."""
    import numpy as np

    numbers = np.array([_number(text) or 0.0 for text in labels.elements()])
    if not len(numbers) or numbers.min() <= 0:
        return None
    plain, log = (_third_moment(one) for one in (numbers, np.log(numbers)))
    return plain if plain > SKEWED and abs(log) < plain / 2 else None


def _third_moment(numbers: Any) -> float:
    spread = float(numbers.std())
    return float((((numbers - numbers.mean()) / spread) ** 3).mean()) if spread else 0.0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _settings(found: Inference, roles: Roles) -> Iterator[Setting]:
    """Each column, with what it is."""
    role_of = {name: role for role, name in roles.named.items()}
    yield Setting(roles.label, f"label, {found.label.kind}", found.label.reason)
    for one in found.columns:
        optional = f"; {one.missing:,} empty: optional" if one.missing else ""
        kind = f"{role_of[one.name]}" if one.name in role_of else one.kind or "ignored"
        yield Setting(one.name, kind, one.reason + optional)


def _decisions(
    found: Inference, labels: Counter[str], files: Mapping[str, Any], test_rows: int
) -> Iterator[Setting]:
    """What else was decided."""
    from fullturn.data.inference import UNCLEAR_DATES

    yield Setting("[model] task", found.task, found.task_reason)
    unclear = [one.name for one in found.columns if UNCLEAR_DATES in one.reason]
    if found.day_first is not None:
        why = found.day_first_reason or "as you said"
        yield Setting("[data] day_first", _toml(found.day_first), why)
    elif unclear:
        why = (
            f"with true or false, or `fullturn init --day-first` or --month-first, "
            f"{listed(unclear)} can be read"
        )
        yield Setting("[data] day_first", "not set", why)
    if found.task == "regression":
        why = "the middle half of the labels is so wide: an error of that much is worth nothing"
        yield Setting("[model] scale", f"{_scale(labels):g}", why)
        if (skewness := _skewness(labels)) is not None:
            why = f"the labels are positive and skewed ({skewness:.1f}): errors count in proportion"
            yield Setting("target", "log", why)
        if "unit" not in files:
            why = 'such as "USD" or "m²": shown with every error (`fullturn init --unit`)'
            yield Setting("[data] unit", "not set", why)
    elif _share(labels) < RARE:
        rarest = min(labels, key=lambda one: (labels[one], one))
        share = labels[rarest] / labels.total()
        why = f"{shown(rarest)} is the label of {share:.1%} of the rows"
        yield Setting("class_weight", "balanced", why)
    if found.task == "classification" and 0 < test_rows < AUC_ROWS:
        why = f"about {test_rows:,} test rows are too few to show that AUC has not fallen by 0.03"
        yield Setting("[gates] metrics", "none but the app's own", why)


def _of_time(trend: float | None, roles: Roles) -> Iterator[Setting]:
    if roles.time is not None:
        why = "rows just before the test rows are worth more in training"
        yield Setting("[data] validation_share", f"{TIME_VALIDATION:g} at most", why)
    if trend is not None:
        why = f"the label moves with '{roles.time}' (rank correlation {trend:+.2f})"
        yield Setting("[data] time_is_input", "true", why)


def _shares(data: Mapping[str, Any]) -> float:
    return float(data["train_share"] + data["validation_share"])


def _trend(rows: Sequence[Mapping[str, Any]], roles: Roles, task: Task) -> float | None:
    """How the label moves with time, a rank correlation; None if it does not. Of labels that are
    categories, the one that moves most."""
    from fullturn.data.trend import rank_correlation, times_and_labels

    if roles.time is None:
        return None
    times, labels = times_and_labels(rows, roles.time, roles.label)
    if task == "regression":
        sides = [[_number(one) or 0.0 for one in labels]]
    else:
        sides = [[float(one == label) for one in labels] for label in sorted(set(labels))]
    found = max((rank_correlation(times, side) for side in sides), key=abs, default=0.0)
    chance = 3 / max(1, len(times)) ** 0.5  # three standard errors
    return found if abs(found) > max(MOVES, chance) else None


def section(name: str, values: Mapping[str, Any]) -> str:
    """A table in TOML; what is empty is left out."""
    lines = [f"[{name}]"] if name else []
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value not in ((), [])]
    return "\n".join([*lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f"{value!r}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """A basic string of TOML: JSON's, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return cut("".join(one if one.isprintable() else " " for one in text), 60)


@view.register
def _(result: Inferred) -> Iterator[Block]:
    name, why = _WIDTHS
    columns = result.columns[:_LISTED]
    yield grid(
        ("column", "is", "because"),
        ((cut(one.name, name), styled(one.value, "bold"), cut(one.why, why)) for one in columns),
    )
    if len(result.columns) > _LISTED:
        yield line(f"… and {len(result.columns) - _LISTED:,} more, all in fullturn.toml")
    for one in result.decisions:
        yield line(f"{one.name} = ", styled(one.value, "bold"), f": {one.why}")
    yield line("Correct what is wrong in fullturn.toml before the first turn.")
