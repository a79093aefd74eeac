"""`ci`, `cd`, `deliver`."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.release import Looks
from fullturn.cli.verb import json_option, opened
from fullturn.cli.workflows import CI_COMMANDS
from fullturn.pipeline import steps

if TYPE_CHECKING:
    from fullturn.verbs.workspace import Workspace


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def ci(ctx: click.Context, as_json: bool) -> int:
    """Run the pipeline on this checkout: tests, data, training, gate, report.

    Changes nothing that users see. The exit code is that of the failed step: 1 refused,
    3 inconclusive, 4 could not evaluate. `ci STEP` runs a single step.
    """
    if ctx.invoked_subcommand:
        return 0
    return _run(steps.EVALUATE, "fullturn ci", as_json)


@click.command()
@json_option
def cd(as_json: bool) -> int:
    """Run the pipeline, register the candidate if it passed, and release it."""
    return _run((*steps.EVALUATE, *steps.DELIVER), "fullturn cd", as_json)


@ci.command()
@json_option
def code(as_json: bool) -> None:
    """Show the commit that all evidence will reference; on CI platforms, refuse a dirty tree."""
    from fullturn.verbs.ci.checkout import checked

    found = checked(opened())
    if as_json:
        say_json(found)
        return
    if found.code.commit is None:
        say("[yellow]not a Git repository: the evidence cannot reference a commit[/yellow]")
        return
    where = f" on {escape(found.branch)}" if found.branch else ""
    same = found.base in (None, found.branch)
    into = "" if same else f", target branch {escape(found.base)}"
    say(f"commit [bold]{found.code.commit[:12]}[/bold]{where}{into}")
    if found.code.dirty:
        say("[yellow]uncommitted changes: nobody else can check out this state[/yellow]")
    if found.shallow:
        say("[yellow]shallow clone: the target branch may be missing; use fetch-depth: 0[/yellow]")


@ci.command()
@json_option
def tests(as_json: bool) -> None:
    """Run the project's tests: `[ci] tests`, or pytest if there are any."""
    from fullturn.verbs.ci.checkout import run_tests

    found = run_tests(opened(), (lambda line: None) if as_json else _print_dimmed)
    if as_json:
        say_json(found)
        return
    passed = f"passed in {found.seconds:.1f} s: {escape(found.command)}"
    say(passed if found.command else "the project has no tests")


def _print_dimmed(line: str) -> None:
    say(f"[dim]  {escape(line)}[/dim]")


@ci.command()
@json_option
def base(as_json: bool) -> None:
    """Show the model to compare with; train it if the registry is local and empty.

    This is the champion, or else the model of the target branch.
    """
    from fullturn.verbs.ci.base import base as find

    found = find(opened())
    if as_json:
        say_json(found)
        return
    say(escape(found.reason))


@ci.command()
@click.option(
    "--output", type=click.Path(path_type=Path), help=f"Output folder, by default {steps.REPORT}."
)
@json_option
def report(output: Path | None, as_json: bool) -> None:
    """Write the report of the pipeline: Markdown, JSON and JUnit XML.

    In GitHub Actions, also write it to the step summary.
    """
    from fullturn.verbs.ci import pipeline as left

    project = opened()
    folder = output or project.root / steps.REPORT
    delivery = left.report(project, left.ended(steps_file(project)))
    left.write(delivery, folder)
    if as_json:
        say_json({"verdict": delivery.verdict, "reason": delivery.reason, "folder": str(folder)})
        return
    for warning in delivery.warnings:
        say(f"[bold yellow]! {escape(warning)}[/bold yellow]")
    say(f"{_verdict(delivery.verdict)} {escape(delivery.reason)}")
    say(f"{escape(folder)}: report.md, report.json, junit.xml")


@click.command()
@click.argument("version")
@json_option
def deliver(version: str, as_json: bool) -> None:
    """Deliver VERSION: release it if a server is running, otherwise promote it directly.

    VERSION is a model version, or `candidate` for the model trained from this checkout. On a shared
    tracking server without a server on this machine, only start the release; `fullturn turn
    --watch` next to the server advances it.
    """
    from fullturn.verbs import deliver

    found = deliver.deliver(opened(), version, Looks(as_json))
    if as_json:
        say_json(found)
        return
    word = "is being released" if found.way == "elsewhere" else "is champion"
    say(f"[bold]version {found.version}[/bold] {word}: {escape(found.reason)}")
    say_next("fullturn history", f"fullturn verify {found.version}")


def steps_file(project: Workspace) -> Path:
    """The file to which the commands of a pipeline append their results."""
    named = os.environ.get(steps.STEPS_FILE)
    return project.root / named if named else project.state / "ci-steps.jsonl"


def _run(chosen: Sequence[steps.Step], what: str, as_json: bool) -> int:
    """Run the steps; returns the exit code of the first that failed."""
    from fullturn.core.locks import project_lock

    project = opened()
    path = steps_file(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.environ[steps.STEPS_FILE] = str(path)
    code, answers = 0, []
    with contextlib.ExitStack() as held:
        held.callback(os.environ.pop, steps.STEPS_FILE, None)
        lock = held.enter_context(contextlib.ExitStack())
        lock.enter_context(project_lock(project.state, what))
        path.unlink(missing_ok=True)
        for number, step in enumerate(chosen, 1):
            if step in steps.DELIVER:
                lock.close()  # a release takes the lock itself
            if code and not step.always:
                continue
            if not as_json:
                say(f"\n[bold]{number}/{len(chosen)} {step.name}[/bold]  [dim]{step.line}[/dim]")
            ended, answer = _step(step, as_json)
            code = code or ended
            answers.append({"step": step.name, "exit_code": ended, "answer": answer})
    if as_json:
        say_json({"exit_code": code, "steps": answers})
    else:
        _conclude(project, chosen, code)
    return code


def _step(step: steps.Step, as_json: bool) -> tuple[int, Any]:
    from fullturn.cli import run

    folder = click.get_current_context().obj
    words = ["-C", str(folder), *step.command.split()]
    if not as_json:
        return run(words), None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        ended = run([*words, "--json"])
    text = said.getvalue().strip()
    return ended, json.loads(text) if text else None


def _conclude(project: Workspace, chosen: Sequence[steps.Step], code: int) -> None:
    say()
    report = escape(project.root / steps.REPORT / "report.md")
    if code:
        say_next(f"read {report}", "fullturn compare A B", "change the branch, then fullturn ci")
    elif steps.DELIVER[-1] in chosen:
        say_next("fullturn history", "fullturn monitor")
    else:
        say_next(f"read {report}", "fullturn cd")


def _verdict(verdict: str) -> str:
    colour = {"PASSED": "green", "FAILED": "red"}.get(verdict, "yellow")
    return f"[bold {colour}]{verdict.lower().replace('_', ' ')}[/bold {colour}]"


for _command in CI_COMMANDS:
    ci.add_command(_command)

COMMANDS = (ci, cd, deliver)
