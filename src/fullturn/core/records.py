"""What the store takes and gives beyond the entities, and the names of a run's artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric; `timestamp` in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a traced answer; `start` and `end` in nanoseconds since 1970."""

    name: str
    kind: str
    inputs: Any
    outputs: Any
    start: int
    end: int
    error: str = ""
    """Why there is no answer."""


@dataclass(frozen=True, slots=True)
class Traced:
    """An answered question: the first span is the whole, the others are its steps."""

    id: str
    """32 hexadecimal digits."""
    spans: tuple[Span, ...]
    tags: Mapping[str, str]
    run_id: str


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that a run has logged."""

    source: str
    """`models:/m-…`."""
    name: str
    created: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The record of a registered model, above its versions."""

    aliases: Mapping[str, int]
    tags: Mapping[str, str]


LOGGED_BY = "fullturn.logged_by"
"""Tag of a logged model: the run whose process logged it, perhaps under another run or none."""
VALIDATION = "evaluation/validation.jsonl"
TRAINED = "evaluation/trained.json"
REPORTS = ("gate/report.json", "gate/report.md", "gate/report.html")
TRAIN_PACKAGES = "training/environment.txt"
"""As `ENVIRONMENT`, of the environment that `[train] python` names."""
ENVIRONMENT, SOURCES = "environment.txt", "code.txt"
"""These list Python and every installed distribution, and the files of code, a line each:
`name==version`, `name==sha256`."""
