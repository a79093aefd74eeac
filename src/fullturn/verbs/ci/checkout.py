"""The checkout that a pipeline runs in: commit, branch, and what the branch goes into."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate
from fullturn.pipeline.records import Checkout
from fullturn.tracking.provenance import code, git
from fullturn.verbs.workspace import Workspace

TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
"""Where the platforms name the branch that a change goes into."""
BRANCHES = ("GITHUB_HEAD_REF", "CI_COMMIT_REF_NAME", "GITHUB_REF_NAME")
"""Where they name the branch itself: a runner checks out a commit, not a branch."""


def in_ci() -> bool:
    """Whether a platform runs this: its evidence is for others."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def checkout(project: Workspace) -> Checkout:
    """The state of the project's folder in Git."""
    root = project.root
    branch = next((os.environ[name] for name in BRANCHES if os.environ.get(name)), None)
    return Checkout(
        code=code(root),
        branch=branch or git(root, "symbolic-ref", "--short", "--quiet", "HEAD"),
        base=_base(project),
        shallow=git(root, "rev-parse", "--is-shallow-repository") == "true",
    )


def checked(project: Workspace) -> Checkout:
    """The checkout, fit to leave evidence that others can follow.

    Raises:
        CouldNotEvaluate: on a platform, outside Git or with uncommitted changes.
    """
    found = checkout(project)
    if in_ci() and found.code.commit is None:
        raise CouldNotEvaluate(
            f"{project.root} is not under Git, so no evidence could name the code that it is "
            "about; check it out with git"
        )
    if in_ci() and found.code.dirty:
        changed = git(project.root, "status", "--porcelain", "--", ".") or ""
        names = ", ".join(line[3:] for line in changed.splitlines()[:5])
        raise CouldNotEvaluate(
            f"uncommitted changes ({names}): the evidence would name commit "
            f"{(found.code.commit or '')[:12]}, which does not hold them; commit them, or let Git "
            "ignore what a step before wrote"
        )
    return found


def merge_base(project: Workspace) -> str | None:
    """The commit that this checkout is to be compared with; None on the base branch itself.

    With uncommitted changes there, it is the branch's last commit.

    Raises:
        CouldNotEvaluate: the clone is too shallow to know, or lacks the base branch.
    """
    root, found = project.root, checkout(project)
    if found.code.commit is None:
        return None
    if found.base is None:
        named = next((os.environ[name] for name in TARGETS if os.environ.get(name)), None)
        if named or project.settings.ci.base:
            raise _unknown(f"the base branch '{named or project.settings.ci.base}' is not here")
        return None
    common = git(root, "merge-base", "HEAD", found.base)
    if common is None:
        raise _unknown(f"HEAD and {found.base} have no commit in common here")
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
            raise _unknown(f"commit {commit[:12]} cannot be checked out")
        try:
            yield place / prefix
        finally:
            git(project.root, "worktree", "remove", "--force", str(place))


def _base(project: Workspace) -> str | None:
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


def _unknown(why: str) -> CouldNotEvaluate:
    return CouldNotEvaluate(
        f"{why}, so nobody knows what to compare with; fetch the whole history: `git fetch "
        "--unshallow origin`, or fetch-depth: 0 (GitHub), GIT_DEPTH: 0 (GitLab)"
    )
