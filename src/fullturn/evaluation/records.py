"""Evaluations as JSON lines, and a row's fingerprint."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from fullturn.core.entities import EqualRows, Evaluation, Example, Input, ScoredRow
from fullturn.core.errors import IntegrityError
from fullturn.core.parsing import from_json
from fullturn.core.values import number_texts


def fingerprint(example: Example, equal_rows: EqualRows = "drop") -> str:
    """16 hexadecimal digits over the words and numbers of the input; over the id alone where equal
    inputs are separate rows."""
    return digest_of({"id": example.id} if equal_rows == "separate" else example.input)


def fingerprints(examples: Sequence[Example], equal_rows: EqualRows = "drop") -> list[str]:
    """`fingerprint` of many examples."""
    return digests_of(_fingerprinted(examples, equal_rows))


def are_copies(
    examples: Sequence[Example], of: Sequence[Example], equal_rows: EqualRows = "drop"
) -> list[bool]:
    """Whether each example has the fingerprint of one in `of`; none is computed if all have the
    same columns."""
    rows = _fingerprinted([*of, *examples], equal_rows)
    words = list(_words_of_rows(rows)) if _are_alike(rows) else digests_of(rows)
    known = set(words[: len(of)])
    return [one in known for one in words[len(of) :]]


def _fingerprinted(examples: Sequence[Example], equal_rows: EqualRows) -> list[Input]:
    separate = equal_rows == "separate"
    return [{"id": one.id} if separate else one.input for one in examples]


def digest_of(row: Input) -> str:
    """The same of an input alone."""
    text = "\0".join(f"{key}={value}" for key, value in sorted(row.items()))
    return _digest(_words(text))


def digests_of(rows: Sequence[Input]) -> list[str]:
    """`digest_of` of many inputs: column by column, which is several times as quick."""
    if not _are_alike(rows):
        return list(map(digest_of, rows))
    form = "\0".join(f"{_words(f'{name}=')}%s" for name in sorted(rows[0]))
    return [_digest(form % cells) for cells in _words_of_rows(rows)]


def _are_alike(rows: Sequence[Input]) -> bool:
    return bool(rows and rows[0]) and all(row.keys() == rows[0].keys() for row in rows)


def _words_of_rows(rows: Sequence[Input]) -> Iterator[tuple[str, ...]]:
    """The words of each row, column by column: in a fingerprint, a character that words contain is
    between columns, so each has words of its own. Blanks at the end do not count."""
    columns = [_words_of([row[name] for row in rows]) for name in sorted(rows[0])]
    columns[-1] = [cell.rstrip(" ") for cell in columns[-1]]
    return zip(*columns, strict=True)


def _words(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", text.casefold())


def _words_of(cells: Sequence[Any]) -> list[str]:
    """The words of each cell."""
    types = set(map(type, cells))
    if types == {float}:
        texts = "\0".join(number_texts(cells))
        return texts.replace("-", " ").replace("+", " ").split("\0")
    if types <= {str, type(None)}:
        known = {cell: _words(str(cell)) for cell in set(cells)}
        return [known[cell] for cell in cells]
    return [_words(f"{cell}") for cell in cells]


def _digest(words: str) -> str:
    return hashlib.sha256(words.strip(" ").encode()).hexdigest()[:16]


def to_jsonl(evaluation: Evaluation) -> str:
    """A head line, then one line for each row."""
    head = {name: getattr(evaluation, name) for name in _HEAD}
    head["stored_rows"] = len(evaluation.rows)
    rows = ({name: getattr(row, name) for name in _CELLS} for row in evaluation.rows)
    return "".join(_ENCODER.encode(line) + "\n" for line in (head, *rows))


def _plain(value: Any) -> Any:
    """What an app returned, as JSON can have it."""
    if isinstance(value, Mapping):
        return dict(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


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


_BETWEEN_WORDS = re.compile(r"[^\w.=\0]+")
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)
_CELLS = tuple(field.name for field in fields(ScoredRow))
_HEAD = ("subject", "dataset", "split", "expected_rows", "seconds")


def _row(line: dict[str, Any], renamed: Mapping[str, str]) -> ScoredRow:
    scores = {renamed.get(name, name): score for name, score in line.pop("scores").items()}
    return ScoredRow(scores=scores, **line)
