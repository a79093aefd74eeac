"""Training rows from feedback: matured labels, capped by source and key, never test rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullturn.core.entities import Contract, Dataset, Feedback, Prediction
from fullturn.core.errors import DataError
from fullturn.core.settings import DataSettings
from fullturn.core.values import stored_value
from fullturn.data.rows import group_column, id_of, split_column, time_column
from fullturn.data.similar import drop_near_duplicates
from fullturn.data.splits import position
from fullturn.evaluation.records import digest_of
from fullturn.retraining.decision import capped
from fullturn.serving import log
from fullturn.verbs.workspace import Workspace, feedback_file

MODEL = "model:"
"""Prefix of the source of labels from a model."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackRows:
    """New rows, and the number of labels that were left out, by reason."""

    rows: tuple[Row, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Labelled:
    row: Row
    source: str
    key: str


def collect_feedback_rows(project: Workspace, data: Dataset) -> FeedbackRows:
    """The rows that the feedback in the log adds to a dataset version; writes nothing."""
    settings, contract = project.settings.retraining, project.subject.contract
    answered = {p.id: p for p in log.predictions(project.state) if not p.copy_of}
    judged = log.newest(log.feedback(project.state)).values()
    labels = [f for f in judged if f.expected is not None and f.prediction in answered]
    latest = time.time_ns() // 1_000_000 - settings.maturity_minutes * 60_000
    mature = [f for f in labels if f.time <= latest]
    human = [f for f in mature if settings.model_labels or not f.source.startswith(MODEL)]
    complete = list(_complete(human, answered, contract))
    new = _new(complete, data, contract, project.settings.data.near_duplicate)
    trainable = _trainable(new, data, contract, project.settings.data)
    existing = len(data.split("train", "validation"))
    by_source, over_source = capped(
        trainable, [one.source for one in trainable], settings.source_share, existing
    )
    by_key, over_key = capped(
        by_source, [one.key for one in by_source], settings.source_share, existing
    )
    left_out = {
        "not matured": len(labels) - len(mature),
        "labelled by a model": len(mature) - len(human),
        "incomplete": len(human) - len(complete),
        "already in the data": len(complete) - len(new),
        "reserved for the test set": len(new) - len(trainable),
        "over the cap of a source": over_source,
        "over the cap of a key": over_key,
    }
    return FeedbackRows(tuple(one.row for one in by_key), {k: n for k, n in left_out.items() if n})


def store(project: Workspace, rows: Sequence[Row]) -> Path:
    """Add rows, each once, to the file that every commit of this project includes."""
    path = feedback_file(project)
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows]
    draft = path.with_suffix(".new")
    draft.write_text("\n".join(dict.fromkeys([*known, *lines])) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def _complete(
    labels: Iterable[Feedback], answered: Mapping[str, Prediction], contract: Contract
) -> Iterable[_Labelled]:
    """Labels that make a complete row of the contract."""
    for label in labels:
        prediction = answered[label.prediction]
        row = row_of(prediction, label.expected or {}, contract)
        if row is not None:
            yield _Labelled(row, label.source, prediction.key)


def row_of(prediction: Prediction, expected: Mapping[str, Any], contract: Contract) -> Row | None:
    """The row that a labelled prediction makes; None if it lacks a column. A date that orders the
    rows is that of the prediction."""
    given = {**_moment(prediction, contract), **expected, **prediction.input}
    row: Row = dict.fromkeys(contract.names("id"), f"feedback-{prediction.id}")
    for column in contract.columns:
        if column.role in ("id", "split"):
            continue
        try:
            value = stored_value(given.get(column.name), column)
        except DataError:
            return None
        if value is not None:
            row[column.name] = given[column.name]
    return row


def _moment(prediction: Prediction, contract: Contract) -> dict[str, str]:
    answered = datetime.fromtimestamp(prediction.time / 1000, UTC).isoformat(timespec="seconds")
    return {c.name: answered for c in contract.columns if (c.role, c.kind) == ("time", "date")}


def _new(
    labelled: Sequence[_Labelled], data: Dataset, contract: Contract, threshold: float
) -> list[_Labelled]:
    """Labels whose input is no near duplicate of a row of the dataset, or of an earlier label; all
    of them where equal rows are separate ones."""
    if contract.equal_rows == "separate":
        return list(labelled)
    if contract.text is None:
        seen = {digest_of(example.input) for example in data.examples}
        first = {_digest(one, contract): one for one in reversed(labelled)}
        return [one for digest, one in reversed(first.items()) if digest not in seen]
    texts = [str(example.input[contract.text]) for example in data.examples]
    asked = [str(one.row[contract.text]) for one in labelled]
    return [labelled[n] for n in drop_near_duplicates(texts, asked, threshold)]


def _digest(one: _Labelled, contract: Contract) -> str:
    return digest_of({name: one.row.get(name) for name in contract.names("input")})


def _trainable(
    labelled: Sequence[_Labelled], data: Dataset, contract: Contract, settings: DataSettings
) -> list[_Labelled]:
    """Rows whose group is not in the test set; new groups are never assigned to it, except by time:
    then the latest rows are the test rows, whoever gave them."""
    split, group = split_column(contract), group_column(contract)
    by_time = time_column(contract) is not None
    split_of = {example.group: example.split for example in data.examples}
    train_and_validation = settings.train_share + settings.validation_share
    trainable = []
    for one in labelled:
        name = one.row.get(group) or id_of(one.row, contract)
        if contract.equal_rows == "separate" and not one.row.get(group) and not by_time:
            one.row[split] = "train"
            trainable.append(one)
            continue
        if not by_time and name not in split_of and position(name) >= train_and_validation:
            one.row[split] = "train"
        if split_of.get(name) != "test":
            trainable.append(one)
    return trainable
