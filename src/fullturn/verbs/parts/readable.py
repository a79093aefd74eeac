"""What was asked, expected and answered, in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fullturn.core.entities import Output, ScoredRow
from fullturn.core.wording import cut
from fullturn.subjects.subject import Subject

LONGEST = 600
_ANSWERS = ("label", "value", "json", "text")
"""Fields of an output that are its answer, the first that there is."""


def question(subject: Subject, row: ScoredRow) -> str:
    """What a row asks: its text, or all its inputs."""
    column = subject.text_column
    text = row.input.get(column) if column else None
    return cut(str(text), LONGEST) if text is not None else readable(row.input)


def answer(subject: Subject, output: Output) -> str:
    """What was answered."""
    if subject.can("generated text"):
        return cut(subject.text_of(output), LONGEST)
    labels = {name: output.get(name) for name in subject.contract.names("label")}
    found = next((output[name] for name in _ANSWERS if output.get(name) is not None), None)
    return readable(labels) or readable({"answer": found}) or readable(output)


def readable(values: Mapping[str, Any]) -> str:
    """A single value without its name, otherwise compact JSON; of an assistant's expected answer,
    the facts."""
    filled = {name: value for name, value in values.items() if value is not None}
    only = next(iter(filled.values())) if len(filled) == 1 else filled.get("facts") or filled
    text = only if isinstance(only, str) else json.dumps(only, ensure_ascii=False, default=str)
    return cut(text, LONGEST) if filled else ""
