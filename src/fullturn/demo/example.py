"""The example project: how it is created, its candidates, and its audience's questions.

Used by the demo and by the lesson's panels.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from fullturn.core.entities import Params
from fullturn.core.errors import UsageError
from fullturn.demo.audience import Question
from fullturn.verbs import init
from fullturn.verbs.parts.training import Trial, train_one
from fullturn.verbs.workspace import Workspace, load

FIRST_DATA = "handbook without two chapters"
CANDIDATES: Mapping[str, Params] = {
    "word search, quoting": {"retrieval": "bm25"},
    "learned search, quoting": {},
    "learned search, LLM": {
        "answer": "zero-shot",
        "prompt": "brief",
        "passages": 1,
        "sentences": 2,
        "tokens": 40,
    },
}
CARELESS = "answers everything"
CARELESS_PARAMS: Params = {"threshold": 0.0}
"""It never says that it doesn't know."""
LOST = ("11-", "12-", "13-", "14-", "16-")
"""Chapters that are missing from the truncated copy."""


def create(folder: Path) -> Workspace:
    """Create the example project in `folder`; an earlier one is replaced.

    Raises:
        UsageError: the folder is a file or contains something else.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file, not a folder; choose another path")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / ".fullturn").is_dir() or not (folder / "later").is_dir():
            raise UsageError(
                f"{folder} is not empty and not an earlier demo; choose another folder"
            )
        shutil.rmtree(folder)
    init.assistant(folder)
    return Workspace.open(folder)


def race(project: Workspace, candidates: Mapping[str, Params] = CANDIDATES) -> Iterator[Trial]:
    """Train the candidates in turn, each in a race with the best one so far."""
    trials: list[Trial] = []
    for name, params in candidates.items():
        trials.append(train_one(project, params, name=name, best=leader(trials)))
        yield trials[-1]


def leader(trials: list[Trial]) -> Trial | None:
    """The best candidate that finished its race."""
    finished = (trial for trial in trials if not trial.race.stopped)
    return max(finished, key=lambda trial: trial.score, default=None)


def pools(project: Workspace) -> dict[str, list[Question]]:
    """Questions for the audience: test questions, and new topics before and after retraining."""
    test = [
        Question(example.input, {**example.expected, **example.slices})
        for example in load(project).split("test")
    ]
    lines = (project.root / "later" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    later = [json.loads(line) for line in lines]
    names = sorted({row["group"] for row in later})
    early = set(names[::2])
    new = [_question(row) for row in later if row["group"] in early]
    after = [_question(row) for row in later if row["group"] not in early]
    return {"known": test, "new": new, "after": after}


def broken_copy(project: Workspace) -> list[Path]:
    """A truncated copy of the handbook and the questions."""
    folder = project.state / "copy"
    (folder / "handbook").mkdir(parents=True, exist_ok=True)
    chapters = sorted((project.root / "handbook").glob("*.md"))
    copied = [path for path in chapters if not path.name.startswith(LOST)]
    lost = {path.stem.partition("-")[2] for path in chapters} - {
        path.stem.partition("-")[2] for path in copied
    }
    for path in copied:
        shutil.copy(path, folder / "handbook" / path.name)
    lines = (project.root / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    there = [line for line in lines if json.loads(line).get("chapter") not in lost]
    (folder / "questions.jsonl").write_text("\n".join(there) + "\n", encoding="utf-8")
    return [folder / "handbook", folder / "questions.jsonl"]


def _question(row: dict[str, object]) -> Question:
    expected = {name: value for name, value in row.items() if name not in ("id", "question")}
    return Question({"question": row["question"]}, expected)
