"""A small handbook with questions, as a dataset version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullturn.core.entities import Dataset, DatasetVersion, Example, Split

PASSAGES = {
    "runs/seeds": "A seed fixes the random numbers of one generator. Five seeds show the noise of "
    "a metric. Parallel sums stay random even when every seed is fixed.",
    "runs/crash": "A killed process leaves a run that stays RUNNING for ever. A small job called "
    "a reaper closes such runs after 30 minutes. An exception marks the run FAILED.",
    "data/leakage": "Leakage means that a feature knows the label before the event. A sudden gain "
    "of 15 points is held back until a person has explained it. Duplicates between train and test "
    "are the commonest cause.",
    "data/versions": "A dataset version has a digest that does not depend on the order of rows. "
    "Old files are deleted by the vacuum after 7 days. A deleted version cannot be restored.",
    "release/canary": "A canary gets 5 % of the traffic and is compared with a baseline arm. The "
    "release stops when a guardrail is crossed. A rollback needs no new evaluation.",
    "release/shadow": "A shadow receives copies of requests and its answers are thrown away. "
    "Mirroring doubles the compute. Paired answers need fewer requests than two arms.",
}
QUESTIONS: tuple[tuple[Split, str | None, str, list[str]], ...] = (
    ("train", "runs/seeds", "how many seeds show the noise of a metric", ["five seeds"]),
    ("train", "runs/seeds", "why do sums differ with every seed fixed", ["parallel sums"]),
    ("train", "runs/crash", "what closes runs of a killed process", ["reaper"]),
    ("train", "data/leakage", "what happens to a sudden gain of 15 points", ["held back"]),
    ("train", "data/versions", "after how many days are old files deleted", ["7 days"]),
    ("train", "release/canary", "share of traffic for a canary", ["5 %"]),
    ("train", "release/shadow", "what does mirroring cost", ["doubles the compute"]),
    ("train", None, "how do i bake bread", []),
    ("train", None, "who won the football match yesterday", []),
    ("train", None, "what is the capital of france", []),
    ("validation", "runs/crash", "state of a run after an exception", ["FAILED"]),
    ("validation", "data/leakage", "commonest cause of leakage", ["duplicates"]),
    ("validation", "release/canary", "does a rollback need an evaluation", ["no new evaluation"]),
    ("validation", None, "tell me a joke about cats", []),
    ("validation", None, "best recipe for pancakes", []),
    ("test", "data/versions", "can a deletd version be restored", ["cannot be restored"]),
    ("test", None, "what colour is the sky", []),
)


def dataset(passages: Mapping[str, str] = PASSAGES) -> Dataset:
    """The small handbook and its questions."""
    version = DatasetVersion(
        name="small",
        version=1,
        digest="0",
        uri="",
        rows=len(passages) + len(QUESTIONS),
        splits={},
        parent=None,
        added=0,
        removed=0,
        changed=0,
        message="",
        actor="",
        created="",
    )
    rows = tuple(
        {"id": name, "title": name.split("/")[1], "chapter": name.split("/")[0], "text": text}
        for name, text in passages.items()
    )
    return Dataset(version, tuple(map(example, range(len(QUESTIONS)))), rows)


def example(number: int) -> Example:
    """A question as the data stage hands it over."""
    split, passage, text, fact = QUESTIONS[number]
    return Example(
        id=f"q{number}",
        input={"question": text},
        expected={"passage": passage, "facts": [fact] if fact else []},
        group=f"g{number}",
        split=split,
        slices={"kind": "answered" if passage else "far"},
    )


class FolderRun:
    """A run that is only a folder, and remembers its prompts."""

    seed = 0

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.prompts: dict[str, str] = {}

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing to record."""

    def prompt(self, name: str, template: str) -> str:
        """Remember a prompt."""
        self.prompts[name] = template
        return f"prompts:/{name}/1"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def output(answer: str, passage: str = "", **changes: Any) -> dict[str, Any]:
    """An output that quotes `answer` and cites a passage with the text `passage`."""
    return {
        "answer": answer,
        "abstained": False,
        "citations": ["a"],
        "passages": [{"id": "a", "text": passage or answer}],
        "retrieved": ["a", "b", "c", "d"],
        **changes,
    }


def as_json(value: Any) -> Any:
    """What is left of a value after a trip through JSON."""
    return json.loads(json.dumps(value))
