"""Evaluations as JSON lines, to be stored with their run and compared later."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fullturn.core.entities import Evaluation, ScoredRow
from fullturn.core.errors import IntegrityError


def to_jsonl(evaluation: Evaluation) -> str:
    """A head line, then one line for each row."""
    head = {name: getattr(evaluation, name) for name in _HEAD}
    head["stored_rows"] = len(evaluation.rows)
    lines = [head, *(asdict(row) for row in evaluation.rows)]
    return "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)


def from_jsonl(path: Path) -> Evaluation:
    """The evaluation that `to_jsonl` wrote.

    Raises:
        IntegrityError: the file is not whole.
    """
    try:
        head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = tuple(_row(line) for line in lines)
        if len(rows) != head.pop("stored_rows"):
            raise ValueError("rows are missing")
        return Evaluation(rows=rows, **head)
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(
            f"{path} is not a whole evaluation: {error}; evaluate again"
        ) from error


_HEAD = ("subject", "dataset", "split", "expected_rows", "seconds")


def _row(line: dict[str, Any]) -> ScoredRow:
    return ScoredRow(**line)
