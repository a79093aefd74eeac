"""GitHub and GitLab: the workflow files of a project, the report as a pull request's comment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.errors import IntegrityError, UsageError
from fullturn.core.showing import Block, Line, Result, line, plain, then, view
from fullturn.pipeline import comment as comments
from fullturn.pipeline import report as reports
from fullturn.pipeline import workflows as files
from fullturn.pipeline.comment import Posted
from fullturn.pipeline.lock import is_locked
from fullturn.pipeline.records import LARGEST
from fullturn.verbs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Workflows(Result):
    """How a project's workflow files differ from those of this version of fullturn."""

    differ: Mapping[str, str]
    """Unified differences, by path."""
    left: tuple[str, ...]
    """Files without the line "Written by fullturn": they are not changed."""
    written: bool

    @property
    def exit_code(self) -> int:
        """1 if files differ and were not written."""
        return int(bool(self.differ) and not self.written)

    def to_dict(self) -> Any:
        """Paths only."""
        return {"differ": list(self.differ), "left": list(self.left), "written": self.written}


def workflows(project: Workspace, check: bool = False) -> Workflows:
    """Write the current workflow files for GitHub and GitLab.

    Overwrites your changes in them: use `check`, which writes nothing, or look at Git first. Files
    without the line "Written by fullturn" are not changed.
    """
    rendered = files.render(project.settings, locked=is_locked(project.root))
    found = Workflows(
        files.differences(project.root, rendered), files.foreign(project.root, rendered), not check
    )
    if not check:
        files.write(project.root, rendered)
    return found


@view.register
def _(result: Workflows) -> Iterator[Block]:
    if result.left:
        yield line(f"not written by fullturn, left unchanged: {', '.join(result.left)}")
    if not result.differ:
        yield line("the workflow files are up to date")
    elif result.written:
        yield line(f"written: {', '.join(result.differ)}")
        yield then("git diff", "git commit")
    else:
        yield from (Line((text.rstrip("\n"),), verbatim=True) for text in result.differ.values())
        yield then("fullturn ci workflows")


@dataclass(frozen=True, slots=True)
class Commented(Result):
    """The comment on a commit; `posted` is None if it has no pull request."""

    head: str
    posted: Posted | None

    def to_dict(self) -> Any:
        """The comment."""
        return {"posted": plain(self.posted)}


def comment(report: str | Path, head: str, repository: str | None = None) -> Commented:
    """Post a report in the pull request whose newest commit is `head`.

    The file is untrusted: it is validated strictly before use, and the text is rendered here.
    `repository` defaults to the platform's.

    Raises:
        UsageError: there is no such file, or GitHub's variables or permissions are missing.
        IntegrityError: it is not a report.
        CouldNotEvaluate: GitHub does not answer.
    """
    at = comments.repository(os.environ, repository)
    delivery = reports.from_json(_read(Path(report)))
    base = (delivery.checkout.base or "").removeprefix("origin/")
    return Commented(head, comments.post(at, head, base, reports.to_markdown(delivery)))


def _read(file: Path) -> str:
    """The text, up to the maximum size of a report."""
    try:
        with file.open("rb") as opened:
            return opened.read(4 * LARGEST + 1).decode("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{file} does not exist; the pipeline ended before its step `fullturn ci report`"
        ) from None
    except UnicodeDecodeError:
        raise IntegrityError(f"{file} is not a pipeline report: it is not UTF-8") from None


@view.register
def _(result: Commented) -> Iterator[Block]:
    posted, head = result.posted, result.head[:12]
    if posted is None:
        yield line(f"no open pull request has {head} as its newest commit; nothing to do")
        return
    what = "updated" if posted.updated else "created"
    yield line(f"comment {what} in pull request {posted.pull_request}: {posted.address}")
