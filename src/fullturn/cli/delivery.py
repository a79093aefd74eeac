"""`ci`, `cd`, `deliver`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, progress, say, say_error, say_next, say_note, show
from fullturn.cli.serving import ReleaseProgress
from fullturn.cli.verb import answer, json_option, open_project
from fullturn.pipeline import steps

if TYPE_CHECKING:
    from fullturn.verbs.ci.run import PipelineRun, StepEnded


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
    return _run(open_project().ci, as_json)


@click.command()
@json_option
def cd(as_json: bool) -> int:
    """Run the pipeline, register the candidate if it passed, and release it.

    On a CI runner without a shared registry, what is registered ends with the runner: it says so
    before it trains.
    """
    project = open_project()
    if os.environ.get("CI") and not project.shared:
        say_note(
            "this runner has no shared registry: tracking_uri is a file in the project, so what is "
            "trained and registered here ends with the runner. Set MLFLOW_TRACKING_URI"
        )
    return _run(project.cd, as_json)


@ci.command()
@json_option
def code(as_json: bool) -> int:
    """Show the commit that all evidence will reference; on CI platforms, refuse a dirty tree."""
    return answer(open_project().ci.code(), as_json)


@ci.command()
@json_option
def tests(as_json: bool) -> int:
    """Run the project's tests: `[ci] tests`, or pytest if there are any."""
    return answer(
        open_project().ci.tests(on_line=_ignore_line if as_json else _print_dimmed), as_json
    )


@ci.command()
@json_option
def base(as_json: bool) -> int:
    """Show the model to compare with; train it if the registry is local and empty.

    This is the champion, or else the model of the base branch.
    """
    return answer(open_project().ci.base(), as_json)


@ci.command()
@click.option(
    "--output", type=click.Path(path_type=Path), help=f"Output folder, by default {steps.REPORT}."
)
@json_option
def report(output: Path | None, as_json: bool) -> int:
    """Write the report of the pipeline: Markdown, JSON and JUnit XML.

    In GitHub Actions, also write it to the step summary.
    """
    return answer(open_project().ci.report(output), as_json)


@ci.command()
@click.option(
    "--check", is_flag=True, help="Only show what would change; exit code 1 if anything would."
)
@json_option
def workflows(check: bool, as_json: bool) -> int:
    """Write the current workflow files for GitHub and GitLab.

    Overwrites your changes in them: run with --check or look at Git first. Files without the line
    "Written by fullturn" are not changed.
    """
    return answer(open_project().ci.workflows(check), as_json)


@ci.command()
@click.option("--report", required=True, type=click.Path(path_type=Path), help="Report in JSON.")
@click.option("--head", required=True, metavar="SHA", help="The evaluated commit.")
@click.option("--repository", metavar="OWNER/NAME", help="Default: GITHUB_REPOSITORY.")
@json_option
def comment(report: Path, head: str, repository: str | None, as_json: bool) -> int:
    """Post a report in its pull request on GitHub, as one comment that is updated.

    Does not trust the report: it is validated strictly, and the pull request is found by its
    commit. Requires GITHUB_TOKEN, and no project.
    """
    from fullturn.verbs.ci.platforms import comment

    return answer(comment(report, head, repository), as_json)


@click.command()
@click.argument("reference", metavar="VERSION")
@json_option
def deliver(reference: str, as_json: bool) -> int:
    """Deliver VERSION: release it if a server is running, otherwise promote it directly.

    VERSION is a model version, or `candidate` for the model trained from this checkout. On a shared
    tracking server without a server on this machine, only start the release; `fullturn turn
    --watch` next to the server advances it.
    """
    return answer(open_project().deliver(reference, on_look=ReleaseProgress(as_json)), as_json)


def _run(pipeline: Callable[..., PipelineRun], as_json: bool) -> int:
    from fullturn.verbs.ci.run import Watcher

    if as_json:
        return answer(pipeline(watcher=Watcher(on_look=ReleaseProgress(as_json))), as_json)
    with progress() as on_progress:
        watcher = Watcher(
            _print_step, _print_end, _print_dimmed, ReleaseProgress(as_json), on_progress
        )
        ended = pipeline(watcher=watcher)
    say()
    say_next(*ended.next_steps)
    return ended.exit_code


def _print_step(number: int, of: int, step: steps.Step) -> None:
    say(f"\n[bold]{number}/{of} {step.name}[/bold]  [dim]{step.line}[/dim]")


def _print_end(ended: StepEnded) -> None:
    if ended.error:
        say_error(ended.error, ended.exit_code, as_json=False)
    else:
        show(ended.answer, next_too=False)


def _print_dimmed(line: str) -> None:
    say(f"[dim]  {escape(line)}[/dim]")


def _ignore_line(line: str) -> None:
    """Drops the output of the tests."""


COMMANDS = (ci, cd, deliver)
