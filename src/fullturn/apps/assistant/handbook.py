"""A folder of chapters and questions → the rows of the assistant's dataset."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fullturn.entities import Split
from fullturn.errors import DataError

Row = dict[str, Any]
_PASSAGE = re.compile(r"^## (.+?) \{#([a-z0-9-]+)\}\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_SOURCES = re.compile(r"^Sources?: ", re.MULTILINE)
TRAIN_SHARE, VALIDATION_SHARE = 0.30, 0.35


def read_rows(folder: Path) -> list[Row]:
    """All rows of `folder`: passages of `handbook/NN-slug.md`, then `questions.jsonl`.

    Raises:
        DataError: a chapter without passages, a line that is no question, or a question
            about a passage that does not exist.
    """
    passages = [
        row for chapter in sorted((folder / "handbook").glob("*.md")) for row in _passages(chapter)
    ]
    if not passages:
        raise DataError(f"{folder / 'handbook'} holds no chapter (NN-slug.md)")
    return passages + read_questions(folder / "questions.jsonl", {row["id"] for row in passages})


def read_questions(path: Path, known: set[str]) -> list[Row]:
    """The rows of a file of questions; `known` are the ids of the passages."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    asked: Counter[str] = Counter()
    for row in rows:
        if row["passage"] is not None and row["passage"] not in known:
            raise DataError(
                f"{path}: {row['question']!r} asks about an unknown passage {row['passage']!r}"
            )
        # Numbered within its group, so that a new line elsewhere renames no question.
        asked[row["group"]] += 1
        row["id"] = f"{row['group']}-{asked[row['group']]}"
    return rows


def split_of(group: str) -> Split:
    """The split of a group, by its hash: a question never leaves its paraphrases' split."""
    position = int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest()) / 2**64
    if position < TRAIN_SHARE:
        return "train"
    return "validation" if position < TRAIN_SHARE + VALIDATION_SHARE else "test"


def _passages(chapter: Path) -> Iterator[Row]:
    slug = chapter.stem.split("-", 1)[-1]
    text = chapter.read_text(encoding="utf-8")
    for title, anchor, body in _PASSAGE.findall(text):
        parts = _SOURCES.split(body.strip())
        yield {
            "id": f"{slug}/{anchor}",
            "title": title,
            "chapter": slug,
            "text": parts[0].strip(),
            "sources": parts[1].strip() if len(parts) > 1 else "",
            "kind": "passage",
            "group": f"{slug}/{anchor}",
            "split": "reference",
        }


def _question(path: Path, number: int, line: str) -> Row:
    try:
        raw = json.loads(line)
        passage = raw["passage"]
        kind = "answered" if passage else "near" if raw["near"] else "far"
        return {
            "question": raw["text"],
            "passage": passage,
            "facts": raw["facts"],
            "style": raw["style"],
            "kind": kind,
            "chapter": passage.split("/")[0] if passage else "none",
            "group": raw["group"],
            "split": split_of(raw["group"]),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}, line {number} is no question ({error!r}): {line[:80]}") from error
