"""`ci workflows`, `ci comment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullturn.cli.output import escape, say, say_json, say_next
from fullturn.cli.verb import json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.command()
@click.option(
    "--check", is_flag=True, help="Only show what would change; exit code 1 if anything would."
)
@json_option
def workflows(check: bool, as_json: bool) -> int:
    """Write the current workflow files for GitHub and GitLab.

    Overwrites your changes in them: run with --check or look at Git first. Files without the line
    "Written by fullturn" are not changed.
    """
    from fullturn.core import settings
    from fullturn.pipeline import workflows as files

    root = settings.find_root(Path(click.get_current_context().obj).resolve())
    rendered = files.render(settings.read(root))
    diffs, theirs = files.differences(root, rendered), files.foreign(root, rendered)
    if not check:
        files.write(root, rendered)
    if as_json:
        say_json({"differ": list(diffs), "left": list(theirs), "written": not check})
    else:
        _say(diffs, theirs, check)
    return int(check and bool(diffs))


def _say(diffs: Mapping[str, str], theirs: Sequence[str], check: bool) -> None:
    if theirs:
        say(f"not written by fullturn, left unchanged: {escape(', '.join(theirs))}")
    if not diffs:
        say("the workflow files are up to date")
        return
    if check:
        click.echo("\n".join(diffs.values()), nl=False)
        say_next("fullturn ci workflows")
        return
    say(f"written: {escape(', '.join(diffs))}")
    say_next("git diff", "git commit")


@click.command()
@click.option(
    "--report", "file", required=True, type=click.Path(path_type=Path), help="Report in JSON."
)
@click.option("--head", required=True, metavar="SHA", help="The evaluated commit.")
@click.option("--repository", metavar="OWNER/NAME", help="Default: GITHUB_REPOSITORY.")
@json_option
def comment(file: Path, head: str, repository: str | None, as_json: bool) -> None:
    """Post a report in its pull request on GitHub, as one comment that is updated.

    Does not trust the report: it is validated strictly, and the pull request is found by its
    commit. Requires GITHUB_TOKEN.
    """
    from fullturn.verbs.ci import commenting

    posted = commenting.post(file, head, repository)
    if as_json:
        say_json({"posted": posted})
        return
    if posted is None:
        say(f"no open pull request has {escape(head[:12])} as its newest commit; nothing to do")
        return
    what = "updated" if posted.renewed else "created"
    say(f"comment {what} in pull request {posted.pull_request}: {escape(posted.address)}")


CI_COMMANDS = (workflows, comment)
"""Commands of the group `ci`."""
