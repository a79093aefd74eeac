"""A small dataset of questions with five labels, and a run without a tracking server."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fullturn.core.entities import Dataset, DatasetVersion, Example, Split

_SUBJECTS = {
    "card_lost": ("I lost my card", "my card was stolen", "I cannot find my bank card"),
    "exchange_rate": ("what is the exchange rate", "how do you convert euros", "rate for dollars"),
    "top_up": ("how do I top up", "add money to my account", "my top-up did not arrive"),
    "pin": ("I forgot my PIN", "how can I change the PIN code", "my PIN is blocked"),
    "close": ("please close my account", "delete everything about me", "I want to leave you"),
}
_BEFORE = ("", "Hello, ", "Quick question: ", "Sorry to bother you, ")
_AFTER = ("", " please", " today", ", can you help?", " while travelling abroad")


def questions() -> list[tuple[str, str]]:
    """300 texts with their labels, no two texts the same, in a fixed order."""
    return [
        (f"{before}{subject}{after}", label)
        for before, after in itertools.product(_BEFORE, _AFTER)
        for label, subjects in _SUBJECTS.items()
        for subject in subjects
    ]


def dataset(text: str = "text", label: str = "label") -> Dataset:
    """Every third row is train, the others validation and test."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    rows = [
        example(text, label, one, other, splits[place % 7 % 3])
        for place, (one, other) in enumerate(questions())
    ]
    return as_dataset(rows)


def example(text: str, label: str, asked: str, expected: str, split: Split) -> Example:
    return Example(asked, {text: asked}, {label: expected}, asked, split)


def as_dataset(rows: Sequence[Example]) -> Dataset:
    version = DatasetVersion("bank", 1, "0" * 64, "", len(rows), {}, None, 0, 0, 0, "", "", "")
    return Dataset(version, tuple(rows))


@dataclass
class LocalRun:
    """What `train` needs of a run: a folder, a seed, and somewhere for its metrics."""

    directory: Path
    seed: int = 0
    steps: dict[int, Mapping[str, float]] = field(default_factory=dict)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.steps[step] = dict(metrics)

    def prompt(self, name: str, template: str) -> str:
        raise NotImplementedError
