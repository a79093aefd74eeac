"""The checkout that a pipeline runs in: its commit, its base branch, its tests."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate, Refused, SettingsError
from fullturn.core.showing import Block, Result, line, styled, view
from fullturn.pipeline.records import Checkout
from fullturn.tracking import provenance
from fullturn.tracking.provenance import files_of, git, in_ci, is_test
from fullturn.verbs.workspace import Workspace

TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
"""Environment variables with the base branch of a change."""


def checkout(project: Workspace) -> Checkout:
    """The state of the project's folder in Git."""
    root = project.root
    return Checkout(
        code=provenance.code(root),
        branch=provenance.branch(root),
        base=_base_branch(project),
        shallow=git(root, "rev-parse", "--is-shallow-repository") == "true",
    )


def code(project: Workspace) -> Checkout:
    """The commit that all evidence will reference; a CI platform refuses uncommitted changes.

    Raises:
        CouldNotEvaluate: on a platform, the project is not in Git or has uncommitted changes.
    """
    found = checkout(project)
    if in_ci() and found.code.commit is None:
        raise CouldNotEvaluate(
            f"{project.root} is not in Git, so the evidence could not reference its code; check "
            "it out with git"
        )
    if in_ci() and found.code.dirty:
        changed = git(project.root, "status", "--porcelain", "--", ".") or ""
        names = ", ".join(line[3:] for line in changed.splitlines()[:5])
        raise CouldNotEvaluate(
            f"uncommitted changes ({names}): the evidence would reference commit "
            f"{(found.code.commit or '')[:12]}, which does not contain them; commit them, or add "
            "the files of an earlier step to .gitignore"
        )
    return found


def merge_base(project: Workspace) -> str | None:
    """The commit to compare this checkout with; None on the base branch itself.

    With uncommitted changes on the base branch, it is its last commit.

    Raises:
        CouldNotEvaluate: the clone is too shallow, or lacks the base branch.
    """
    root, found = project.root, checkout(project)
    if found.code.commit is None:
        return None
    if found.base is None:
        named = next((os.environ[name] for name in TARGETS if os.environ.get(name)), None)
        if named or project.settings.ci.base:
            raise _no_base(f"the base branch '{named or project.settings.ci.base}' is not here")
        return None
    common = git(root, "merge-base", "HEAD", found.base)
    if common is None:
        raise _no_base(f"HEAD and {found.base} have no common commit here")
    if common == found.code.commit and not found.code.dirty:
        return None
    return common


@contextmanager
def worktree(project: Workspace, commit: str) -> Iterator[Path]:
    """The project's folder at another commit, for the length of a `with` block.

    Raises:
        CouldNotEvaluate: Git cannot check it out.
    """
    prefix = git(project.root, "rev-parse", "--show-prefix") or ""
    with tempfile.TemporaryDirectory(prefix="fullturn-base-") as folder:
        place = Path(folder) / "tree"
        words = ("worktree", "add", "--detach", "--quiet", str(place), commit)
        if git(project.root, *words) is None:
            raise _no_base(f"commit {commit[:12]} cannot be checked out")
        try:
            yield place / prefix
        finally:
            git(project.root, "worktree", "remove", "--force", str(place))


def _base_branch(project: Workspace) -> str | None:
    """The base branch, as Git knows it here."""
    target = next((os.environ[name] for name in TARGETS if os.environ.get(name)), None)
    named = project.settings.ci.base or target
    known = [named] if named else ["main", "master"]
    origin = git(project.root, "symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD")
    places = [ref for name in known for ref in (f"origin/{name}", name)]
    for ref in ([origin] if origin and not named else []) + places:
        if git(project.root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            return ref
    return None


def _no_base(why: str) -> CouldNotEvaluate:
    return CouldNotEvaluate(
        f"{why}, so the base of the comparison is unknown; fetch the whole history: `git fetch "
        "--unshallow origin`, or fetch-depth: 0 (GitHub), GIT_DEPTH: 0 (GitLab)"
    )


FAILED = 1
"""Exit code of a test command if a test failed; any other means that it could not run."""


@dataclass(frozen=True, slots=True)
class Tested(Result):
    """The tests passed, or there are none: then `command` is None."""

    command: str | None
    seconds: float


def tests(project: Workspace, *, on_line: Callable[[str], None] = lambda line: None) -> Tested:
    """Run the project's tests: `[ci] tests`, or pytest if there are any.

    `on_line` gets each line of their output.

    Raises:
        Refused: a test failed.
        CouldNotEvaluate: the command does not exist, found no test, or crashed.
        SettingsError: the setting is not a command line.
    """
    words = _command(project)
    if not words:
        return Tested(None, 0.0)
    command, began = shlex.join(words), time.monotonic()
    ended = _run(words, project, on_line)
    if ended == FAILED:
        raise Refused(f"the project's own tests fail: `{command}`; its output is above")
    if ended:
        raise CouldNotEvaluate(
            f"the project's own tests could not be run: `{command}` ended with exit code {ended}; "
            "its output is above"
        )
    return Tested(command, time.monotonic() - began)


def _command(project: Workspace) -> list[str]:
    named = project.settings.ci.tests
    try:
        words = shlex.split(named or "")
    except ValueError as error:
        raise SettingsError(f"[ci] tests = {named!r} is not a command line: {error}") from None
    if words:
        return words
    any_tests = any(is_test(name) for name in files_of(project.root))
    return [sys.executable, "-m", "pytest", "-q"] if any_tests else []


def _run(words: list[str], project: Workspace, on_line: Callable[[str], None]) -> int:
    try:
        process = subprocess.Popen(
            words, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise CouldNotEvaluate(
            f"[ci] tests: '{words[0]}' cannot be started: {error.strerror}; install it, or name "
            "another command in fullturn.toml"
        ) from None
    with process:
        for text in process.stdout or ():
            on_line(text.rstrip("\n"))
    return process.returncode


@view.register
def _(result: Checkout) -> Iterator[Block]:
    if result.code.commit is None:
        yield line(styled("not a Git repository: the evidence cannot reference a commit", "open"))
        return
    where = f" on {result.branch}" if result.branch else ""
    same = result.base in (None, result.branch)
    into = "" if same else f", base branch {result.base}"
    yield line("commit ", styled(result.code.commit[:12], "bold"), f"{where}{into}")
    if result.code.dirty:
        yield line(styled("uncommitted changes: nobody else can check out this state", "open"))
    if result.shallow:
        lacking = "shallow clone: the base branch may be missing; use fetch-depth: 0"
        yield line(styled(lacking, "open"))


@view.register
def _(result: Tested) -> Iterator[Block]:
    passed = f"passed in {result.seconds:.1f} s: {result.command}"
    yield line(passed if result.command else "the project has no tests")
