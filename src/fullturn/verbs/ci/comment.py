"""A report that another workflow left, as the comment of its pull request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.errors import IntegrityError, UsageError
from fullturn.core.showing import Block, Result, line, plain, view
from fullturn.pipeline import comment as comments
from fullturn.pipeline import report as reports
from fullturn.pipeline.comment import Posted
from fullturn.pipeline.stored import LARGEST


@dataclass(frozen=True, slots=True)
class Commented(Result):
    """The comment on a commit, or that there is no pull request for one."""

    head: str
    posted: Posted | None

    def to_dict(self) -> Any:
        """The comment."""
        return {"posted": plain(self.posted)}


def comment(report: str | Path, head: str, repository: str | None = None) -> Commented:
    """Put the report in a file into the pull request with the newest commit `head`.

    The file may contain anything: a stranger's code wrote it. Nothing of it is used before all of
    it is known to be a report, and the text is written here. `repository` is that of the platform
    if not named.

    Raises:
        UsageError: there is no such file; or GitHub's variables or rights are missing.
        IntegrityError: it is no report.
        CouldNotEvaluate: GitHub does not answer.
    """
    at = comments.repository(os.environ, repository)
    delivery = reports.from_json(_read(Path(report)))
    base = (delivery.checkout.base or "").removeprefix("origin/")
    return Commented(head, comments.post(at, head, base, reports.to_markdown(delivery)))


def _read(file: Path) -> str:
    """The text, of which no more is read than a report can have."""
    try:
        with file.open("rb") as opened:
            return opened.read(4 * LARGEST + 1).decode("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{file} does not exist; the pipeline ended before its step `fullturn ci report`"
        ) from None
    except UnicodeDecodeError:
        raise IntegrityError(f"{file} is no report of a pipeline: it is not UTF-8") from None


@view.register
def _(result: Commented) -> Iterator[Block]:
    posted, head = result.posted, result.head[:12]
    if posted is None:
        yield line(f"no open pull request has {head} as its newest commit; nothing to do")
        return
    what = "updated" if posted.renewed else "created"
    yield line(f"comment {what} in pull request {posted.pull_request}: {posted.address}")
