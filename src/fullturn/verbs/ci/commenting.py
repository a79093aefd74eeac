"""A report that another workflow left, as the comment of its pull request."""

from __future__ import annotations

import os
from pathlib import Path

from fullturn.core.errors import IntegrityError, UsageError
from fullturn.pipeline import comment, report
from fullturn.pipeline.comment import Posted
from fullturn.pipeline.stored import LARGEST


def post(file: Path, head: str, repository: str | None = None) -> Posted | None:
    """Put the report in `file` into the pull request with the newest commit `head`.

    The file may hold anything: a stranger's code wrote it. Nothing of it is used before all of it
    is known to be a report, and the text is written here. None if no open pull request has the
    commit any more.

    Raises:
        UsageError: there is no such file; or GitHub's variables or rights are missing.
        IntegrityError: it is no report.
        CouldNotEvaluate: GitHub does not answer.
    """
    at = comment.repository(os.environ, repository)
    delivery = report.from_json(_read(file))
    base = (delivery.checkout.base or "").removeprefix("origin/")
    return comment.post(at, head, base, report.to_markdown(delivery))


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
