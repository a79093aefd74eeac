"""The pipeline on this checkout: `ci` decides, `cd` registers and delivers too.

A platform runs the same steps, each as a command of its own (`fullturn.pipeline.steps`).
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fullturn.core.errors import FullturnError, exit_code, from_system
from fullturn.core.locks import project_lock
from fullturn.core.showing import Block, Cell, Result, grid, line, plain, styled, then, view
from fullturn.pipeline import steps
from fullturn.pipeline.steps import Step
from fullturn.verbs.ci.base import base
from fullturn.verbs.ci.checkout import code, tests
from fullturn.verbs.ci.report import report, steps_file
from fullturn.verbs.data import commit
from fullturn.verbs.deliver import deliver
from fullturn.verbs.gate import gate
from fullturn.verbs.release import OnLook
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Progress, Workspace, silent, unwatched


@dataclass(frozen=True, slots=True)
class StepEnded(Result):
    """How a step of the pipeline ended; the answer is that of its command."""

    step: str
    code: int
    answer: Result | None
    error: str = ""

    @property
    def exit_code(self) -> int:
        """Of the step's command."""
        return self.code

    def to_dict(self) -> Any:
        """Its name, exit code and answer, or the error in its place."""
        failed = {"error": self.error, "exit_code": self.exit_code} if self.error else None
        return {
            "step": self.step,
            "exit_code": self.exit_code,
            "answer": failed or plain(self.answer),
        }


@dataclass(frozen=True, slots=True)
class PipelineRun(Result):
    """The steps of a pipeline that were reached, in order."""

    steps: tuple[StepEnded, ...]
    report: str
    """The file of the report."""
    delivered: bool = False
    """Whether it was to deliver, too."""
    _rows = "steps"

    @property
    def exit_code(self) -> int:
        """That of the first step that failed: 1 refused, 3 inconclusive, 4 could not evaluate."""
        return next((one.exit_code for one in self.steps if one.exit_code), 0)

    def to_dict(self) -> Any:
        """The exit code, and each step with its answer."""
        return {"exit_code": self.exit_code, "steps": plain(self.steps)}


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who follows a pipeline: gets each step as it begins and ends, and what it says meanwhile."""

    on_step: Callable[[int, int, Step], None] = lambda number, of, step: None
    on_end: Callable[[StepEnded], None] = lambda ended: None
    on_line: Callable[[str], None] = lambda line: None
    on_look: OnLook = unwatched
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class Call:
    """The function behind a step's command, with the command's arguments."""

    function: Callable[..., Result]
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


CALLS: Mapping[str, Call] = {
    "code": Call(code),
    "tests": Call(tests),
    "base": Call(base),
    "data": Call(commit),
    "train": Call(train, options={"cached": True}),
    "gate": Call(gate, (steps.CANDIDATE,), {"cached": True, "register": False}),
    "report": Call(report),
    "register": Call(gate, (steps.CANDIDATE,), {"cached": True}),
    "release": Call(deliver, (steps.CANDIDATE,)),
}
"""For each step what its command calls."""
UNWATCHED = Watcher()


def ci(project: Workspace, *, watcher: Watcher = UNWATCHED) -> PipelineRun:
    """Run the pipeline on this checkout: tests, data, training, gate, report.

    Nothing that users see is changed. What a step raises ends the run, which goes on with the
    report; its exit code is that of the step: 1 refused, 3 inconclusive, 4 could not evaluate.

    Raises:
        Conflict: another process is at work on this project.
    """
    return _run(project, steps.EVALUATE, "fullturn ci", watcher)


def cd(project: Workspace, *, watcher: Watcher = UNWATCHED) -> PipelineRun:
    """Run the pipeline, register what passed, and bring it to users.

    Raises:
        Conflict: another process is at work on this project.
    """
    return _run(project, (*steps.EVALUATE, *steps.DELIVER), "fullturn cd", watcher)


def _run(project: Workspace, chosen: Sequence[Step], what: str, watcher: Watcher) -> PipelineRun:
    ended: list[StepEnded] = []
    with contextlib.ExitStack() as lock:
        lock.enter_context(project_lock(project.state, what))
        steps_file(project).unlink(missing_ok=True)
        for number, step in enumerate(chosen, 1):
            if step in steps.DELIVER:
                lock.close()  # a release locks the project itself
            if step.always or not any(one.exit_code for one in ended):
                watcher.on_step(number, len(chosen), step)
                ended.append(_step(project, step, watcher))
                watcher.on_end(ended[-1])
    page = str(project.root / steps.REPORT / "report.md")
    return PipelineRun(tuple(ended), page, delivered=steps.DELIVER[-1] in chosen)


def _step(project: Workspace, step: Step, watcher: Watcher) -> StepEnded:
    call, began = CALLS[step.name], time.monotonic()
    try:
        answer = call.function(
            project, *call.arguments, **call.options, **_listening(call.function, watcher)
        )
        ended = StepEnded(step.name, answer.exit_code, answer)
    except (FullturnError, OSError) as error:
        found = from_system(error) if isinstance(error, OSError) else error
        ended = StepEnded(step.name, exit_code(found), None, str(found))
    seconds = time.monotonic() - began
    steps.note_end(steps_file(project), step.command, ended.exit_code, ended.error, seconds)
    return ended


def _listening(function: Callable[..., Any], watcher: Watcher) -> dict[str, Any]:
    """What of the watcher a function can tell."""
    known = inspect.signature(function).parameters
    names = ("on_line", "on_look", "progress")
    return {name: getattr(watcher, name) for name in names if name in known}


@view.register
def _(result: PipelineRun) -> Iterator[Block]:
    yield grid(("step", "outcome", "why"), map(_row, result.steps))
    if result.exit_code:
        yield then(
            f"read {result.report}", "fullturn compare A B", "change the branch, then fullturn ci"
        )
    elif result.delivered:
        yield then("fullturn history", "fullturn monitor")
    else:
        yield then(f"read {result.report}", "fullturn cd")


def _row(one: StepEnded) -> tuple[Cell, ...]:
    word = styled(f"exit code {one.exit_code}", "bad") if one.exit_code else styled("done", "good")
    return one.step, word, one.error


@view.register
def _(result: StepEnded) -> Iterator[Block]:
    if result.answer is not None:
        yield from view(result.answer)
    else:
        yield line(styled("error: ", "bold", "bad"), result.error)
