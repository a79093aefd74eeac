"""The pipeline on this checkout: `ci` decides, `cd` registers and delivers too.

A platform runs the same steps, each as a command of its own (`fullturn.pipeline.steps`).
"""

from __future__ import annotations

import contextlib
import inspect
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fullturn.core import faults
from fullturn.core.errors import CouldNotEvaluate, FullturnError, exit_code, from_system
from fullturn.core.locks import project_lock
from fullturn.core.settings import FILE, STATE
from fullturn.core.showing import Block, Cell, Result, grid, line, plain, styled, then, view
from fullturn.pipeline import steps
from fullturn.pipeline.steps import Step
from fullturn.registry import promotion
from fullturn.verbs.ci.checkout import checkout, code, merge_base, tests, worktree
from fullturn.verbs.ci.report import report, steps_file
from fullturn.verbs.data import commit
from fullturn.verbs.deliver import deliver
from fullturn.verbs.gate import gate
from fullturn.verbs.parts import candidate
from fullturn.verbs.promote import promote
from fullturn.verbs.release import OnLook
from fullturn.verbs.train import train
from fullturn.verbs.workspace import Progress, Workspace, silent, unwatched


@dataclass(frozen=True, slots=True)
class Base(Result):
    """What the candidate will be compared with, and why."""

    champion: int | None
    reason: str


def base(project: Workspace) -> Base:
    """The champion to compare with; in an empty local registry, the base branch's model.

    That model is trained in this environment, and promoted if it passes its own gate. So a pipeline
    without access to the team's registry, such as on a fork, can still compare.

    Raises:
        CouldNotEvaluate: the base branch's model cannot be trained or gated here.
    """
    champion = promotion.sync_alias(project.store)
    if champion is not None:
        return Base(champion, f"version {champion} is champion")
    if project.shared:
        return Base(None, f"the registry of '{project.settings.name}' has no champion yet")
    common = merge_base(project)
    if common is None:
        return Base(None, "no champion yet, and no base branch that this one differs from")
    where = f"commit {common[:12]} of {checkout(project).base}"
    with worktree(project, common) as folder:
        if not (folder / FILE).exists():
            return Base(None, f"no champion yet, and {where} contains no project")
        outcome = _make_in_subprocess(folder, project.state, where)
    champion = promotion.sync_alias(project.store)
    how = f"version {champion}, the model of {where}, trained here" if champion else "nothing"
    return Base(champion, f"{how}: its gate {outcome}")


def _make_in_subprocess(folder: Path, state: Path, where: str) -> str:
    """In a separate process: the base branch's modules have the names of this checkout's."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(make_champion, folder, state, where).result()
    except FullturnError as error:
        raise CouldNotEvaluate(
            f"the model of {where} cannot be trained here: {error} (to compare with the team's "
            "champion instead, set MLFLOW_TRACKING_URI to its registry)"
        ) from error
    except BrokenProcessPool as error:
        raise CouldNotEvaluate(
            f"the process that trained the model of {where} died; free memory and try again"
        ) from error


def make_champion(folder: Path, state: Path, where: str) -> str:
    """Commit the data, train, gate and promote the model of a checkout; returns the outcome."""
    os.environ[STATE] = str(state)
    project = Workspace.open(folder)
    commit(project, [], where)
    trial, _ = candidate.trained(project)
    gated = gate(project, trial.run.id, cached=True)
    if gated.version and promotion.champion(project.store) is None:
        promote(project, gated.version.version, f"the model of {where}, to compare with")
    return gated.report.outcome


@view.register
def _(result: Base) -> Iterator[Block]:
    yield line(result.reason)


@dataclass(frozen=True, slots=True)
class StepEnded(Result):
    """How a step of the pipeline ended; `answer` is the result of its command."""

    step: str
    code: int
    answer: Result | None
    error: str = ""

    @property
    def exit_code(self) -> int:
        """Exit code of the step's command."""
        return self.code

    def to_dict(self) -> Any:
        """Its name and exit code, and its answer or error."""
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
    """File of the report."""
    delivered: bool = False
    """Whether delivery was among the steps."""
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
    """Callbacks of a pipeline: each step as it begins and ends, and its progress."""

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
"""What the command of each step calls."""
NO_CALLBACKS = Watcher()


def ci(project: Workspace, *, watcher: Watcher = NO_CALLBACKS) -> PipelineRun:
    """Run the pipeline on this checkout: tests, data, training, gate, report.

    Changes nothing that users see. After a step that fails, only the report is written; the exit
    code is that of the step: 1 refused, 3 inconclusive, 4 could not evaluate.

    Raises:
        Conflict: another process is working on this project.
    """
    return _run_steps(project, steps.EVALUATE, "fullturn ci", watcher)


def cd(project: Workspace, *, watcher: Watcher = NO_CALLBACKS) -> PipelineRun:
    """Run the pipeline, register the candidate if it passed, and release it.

    Raises:
        Conflict: another process is working on this project.
    """
    return _run_steps(project, (*steps.EVALUATE, *steps.DELIVER), "fullturn cd", watcher)


def _run_steps(
    project: Workspace, chosen: Sequence[Step], what: str, watcher: Watcher
) -> PipelineRun:
    ended: list[StepEnded] = []
    with contextlib.ExitStack() as lock:
        lock.enter_context(project_lock(project.state, what))
        steps_file(project).unlink(missing_ok=True)
        for number, step in enumerate(chosen, 1):
            if step in steps.DELIVER:
                lock.close()  # a release locks the project itself
            if step.always or not any(one.exit_code for one in ended):
                watcher.on_step(number, len(chosen), step)
                ended.append(_run_step(project, step, watcher))
                watcher.on_end(ended[-1])
    page = str(project.root / steps.REPORT / "report.md")
    return PipelineRun(tuple(ended), page, delivered=steps.DELIVER[-1] in chosen)


def _run_step(project: Workspace, step: Step, watcher: Watcher) -> StepEnded:
    call, began = CALLS[step.name], time.monotonic()
    try:
        answer = call.function(
            project, *call.arguments, **call.options, **_callbacks(call.function, watcher)
        )
        ended = StepEnded(step.name, answer.exit_code, answer)
    except (FullturnError, OSError) as error:
        found = from_system(error) if isinstance(error, OSError) else error
        ended = StepEnded(step.name, exit_code(found), None, str(found))
    except Exception as error:  # noqa: BLE001  a crash is no verdict, and the report must be written
        said = faults.report(error, step.line, project.state)
        ended = StepEnded(step.name, faults.FAULT, None, said)
    seconds = time.monotonic() - began
    steps.note_end(steps_file(project), step.command, ended.exit_code, ended.error, seconds)
    return ended


def _callbacks(function: Callable[..., Any], watcher: Watcher) -> dict[str, Any]:
    """The callbacks that a function accepts."""
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
