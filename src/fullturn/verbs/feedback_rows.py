"""Training rows from feedback: matured labels, capped by source and by key, never for the test."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import Contract, Dataset, Feedback, Prediction
from fullturn.core.errors import DataError
from fullturn.core.settings import DataSettings
from fullturn.core.values import stored_value
from fullturn.data.rows import group_column, id_of, split_column
from fullturn.data.similar import drop_near_duplicates
from fullturn.data.splits import position
from fullturn.evaluation.records import digest_of
from fullturn.retraining.decision import capped
from fullturn.serving import log
from fullturn.verbs.workspace import Workspace, feedback_file

MODEL = "model:"
"""Begins the source of a label that a model gave."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackRows:
    """New rows, and how many labels did not become one, by reason."""

    rows: tuple[Row, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Labelled:
    row: Row
    source: str
    key: str


def collect_feedback_rows(project: Workspace, data: Dataset) -> FeedbackRows:
    """What the log's feedback adds to a dataset version; writes nothing."""
    settings, contract = project.settings.retraining, project.subject.contract
    answered = {p.id: p for p in log.predictions(project.state) if not p.copy_of}
    judged = log.newest(log.feedback(project.state)).values()
    labels = [f for f in judged if f.expected is not None and f.prediction in answered]
    old_enough = time.time_ns() // 1_000_000 - settings.maturity_minutes * 60_000
    ripe = [f for f in labels if f.time <= old_enough]
    human = [f for f in ripe if settings.model_labels or not f.source.startswith(MODEL)]
    whole = list(_whole(human, answered, contract))
    new = _unknown(whole, data, contract, project.settings.data.near_duplicate)
    placed = _placed(new, data, contract, project.settings.data)
    existing = len(data.split("train", "validation"))
    by_source, loud = capped(
        placed, [one.source for one in placed], settings.source_share, existing
    )
    by_key, busy = capped(
        by_source, [one.key for one in by_source], settings.source_share, existing
    )
    left_out = {
        "not matured": len(labels) - len(ripe),
        "labelled by a model": len(ripe) - len(human),
        "incomplete": len(human) - len(whole),
        "known already": len(whole) - len(new),
        "kept for the test": len(new) - len(placed),
        "over the cap of a source": loud,
        "over the cap of a key": busy,
    }
    return FeedbackRows(tuple(one.row for one in by_key), {k: n for k, n in left_out.items() if n})


def store(project: Workspace, rows: Sequence[Row]) -> Path:
    """Add rows to the file that every commit of this project includes, each once."""
    path = feedback_file(project)
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows]
    draft = path.with_suffix(".new")
    draft.write_text("\n".join(dict.fromkeys([*known, *lines])) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def _whole(
    labels: Iterable[Feedback], answered: Mapping[str, Prediction], contract: Contract
) -> Iterable[_Labelled]:
    """Labels that make a whole row of the contract."""
    for label in labels:
        prediction = answered[label.prediction]
        row = _row(prediction, label.expected or {}, contract)
        if row is not None:
            yield _Labelled(row, label.source, prediction.key)


def _row(prediction: Prediction, expected: Mapping[str, Any], contract: Contract) -> Row | None:
    given = {**expected, **prediction.input}
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


def _unknown(
    labelled: Sequence[_Labelled], data: Dataset, contract: Contract, threshold: float
) -> list[_Labelled]:
    """Those whose input is not nearly that of a row of the dataset, or of one before."""
    if contract.text is None:
        seen = {digest_of(example.input) for example in data.examples}
        first = {_digest(one, contract): one for one in reversed(labelled)}
        return [one for digest, one in reversed(first.items()) if digest not in seen]
    texts = [str(example.input[contract.text]) for example in data.examples]
    asked = [str(one.row[contract.text]) for one in labelled]
    return [labelled[n] for n in drop_near_duplicates(texts, asked, threshold)]


def _digest(one: _Labelled, contract: Contract) -> str:
    return digest_of({name: one.row.get(name) for name in contract.names("input")})


def _placed(
    labelled: Sequence[_Labelled], data: Dataset, contract: Contract, settings: DataSettings
) -> list[_Labelled]:
    """Rows of groups that are not tested on; what a hash would put into the test is trained on."""
    split, group = split_column(contract), group_column(contract)
    of = {example.group: example.split for example in data.examples}
    held_out = settings.train_share + settings.validation_share
    kept = []
    for one in labelled:
        name = one.row.get(group) or id_of(one.row, contract)
        if name not in of and position(name) >= held_out:
            one.row[split] = "train"
        if of.get(name) != "test":
            kept.append(one)
    return kept
