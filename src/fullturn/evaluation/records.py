"""Evaluations as JSON lines, and a row's fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fullturn.core.entities import EqualRows, Evaluation, Example, Input, ScoredRow
from fullturn.core.errors import IntegrityError
from fullturn.core.parsing import from_json


def fingerprint(example: Example, equal_rows: EqualRows = "drop") -> str:
    """16 hexadecimal digits over the words and numbers of the input; over the id alone where equal
    inputs are separate rows."""
    return digest_of({"id": example.id} if equal_rows == "separate" else example.input)


def digest_of(row: Input) -> str:
    """The same of an input alone."""
    text = "\0".join(f"{key}={value}" for key, value in sorted(row.items()))
    words = " ".join(re.findall(r"[\w.=\0]+", text.casefold()))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def to_jsonl(evaluation: Evaluation) -> str:
    """A head line, then one line for each row."""
    head = {name: getattr(evaluation, name) for name in _HEAD}
    head["stored_rows"] = len(evaluation.rows)
    lines = [head, *(asdict(row) for row in evaluation.rows)]
    return "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)


def from_jsonl(path: Path, renamed: Mapping[str, str] | None = None) -> Evaluation:
    """The evaluation that `to_jsonl` wrote; `renamed` maps old names of metrics to new ones.

    Raises:
        IntegrityError: the file is not whole.
    """
    try:
        head, *lines = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = tuple(_row(line, renamed or {}) for line in lines)
        if len(rows) != head.pop("stored_rows"):
            raise ValueError("rows are missing")
        return Evaluation(rows=rows, **head)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"{path} is not a whole evaluation: {error}; evaluate again"
        ) from error


_HEAD = ("subject", "dataset", "split", "expected_rows", "seconds")


def _row(line: dict[str, Any], renamed: Mapping[str, str]) -> ScoredRow:
    scores = {renamed.get(name, name): score for name, score in line.pop("scores").items()}
    return ScoredRow(scores=scores, **line)
