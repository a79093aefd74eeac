"""The pipeline, declared once: `fullturn ci` and `cd` run it, the workflow files are rendered
from it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

STEPS_FILE = "FULLTURN_STEPS"
"""Environment variable: the file to which each command of a pipeline appends how it ended."""
REPORT = "ci-report"
"""Folder, in the project, of the report."""
CANDIDATE = "candidate"
"""As a reference: the run trained from the checkout's code, data, environment and parameters."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the pipeline."""

    name: str
    command: str
    """What follows `fullturn` on the command line."""
    about: str
    always: bool = False
    """Whether it runs although a step before it failed."""

    @property
    def line(self) -> str:
        """As it is typed."""
        return f"fullturn {self.command}"


EVALUATE = (
    Step("code", "ci code", "record the commit that all evidence references"),
    Step("tests", "ci tests", "run the project's tests"),
    Step("base", "ci base", "find the model to compare with"),
    Step("data", "data commit", "check the data contract; commit a version if rows changed"),
    Step("train", "train --cached", "train the candidate, unless it was trained before"),
    Step("gate", f"gate {CANDIDATE} --cached --no-register", "compare candidate and champion"),
    Step("report", "ci report", "write the report for the pull request", always=True),
)
"""`fullturn ci`: decides, and changes nothing that users see."""
DELIVER = (
    Step("register", f"gate {CANDIDATE} --cached", "register a candidate that passed"),
    Step("release", f"deliver {CANDIDATE}", "release: shadow, canary, champion, or rollback"),
)
"""What `fullturn cd` does after that."""


def note_end(path: Path, command: str, code: int, reason: str, seconds: float) -> None:
    """A line for the report: a command of the pipeline, without its folder, and how it ended."""
    line = {"command": command, "exit_code": code, "reason": reason, "seconds": seconds}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def step(name: str) -> Step:
    """The step of this name."""
    return next(one for one in (*EVALUATE, *DELIVER) if one.name == name)
