"""Where a run came from: Git commit, files of code, environment, person and process."""

from __future__ import annotations

import fnmatch
import getpass
import hashlib
import os
import platform
import socket
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TypedDict

from fullturn.core.entities import Code

_BRANCHES = ("GITHUB_HEAD_REF", "CI_COMMIT_REF_NAME", "GITHUB_REF_NAME")
"""Environment variables with the branch: a runner checks out a commit, not a branch."""


class Process(TypedDict):
    """A process of a machine."""

    host: str
    pid: int
    pid_started: str


def code(root: Path) -> Code:
    """Commit, dirty flag and digest of the uncommitted difference; empty outside Git."""
    commit = git(root, "rev-parse", "HEAD")
    if commit is None:
        return Code(None, dirty=False, diff_digest=None)
    status = git(root, "status", "--porcelain", "--untracked-files=all", "--", ".") or ""
    if not status:
        return Code(commit, dirty=False, diff_digest=None)
    diff = git(root, "diff", "HEAD", "--", ".") or ""
    new = [line[3:].strip('"') for line in status.splitlines() if line.startswith("??")]
    top = Path(git(root, "rev-parse", "--show-toplevel") or root)
    contents = "".join(f"{name}\0{digest_of(top / name)}\0" for name in new)
    return Code(commit, dirty=True, diff_digest=sha256(diff + contents))


def branch(root: Path) -> str | None:
    """The branch, by the CI platform or Git; None outside both, and for a commit of no branch."""
    named = (os.environ.get(name) for name in _BRANCHES)
    return next(filter(None, named), git(root, "symbolic-ref", "--short", "--quiet", "HEAD"))


def in_ci() -> bool:
    """Whether this runs on a CI platform."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


@lru_cache(maxsize=1)
def environment() -> tuple[str, str]:
    """A digest of Python and every installed distribution, and the text it is taken over."""
    pins = {f"{d.metadata['Name'].lower()}=={d.version}" for d in distributions() if d.metadata}
    text = "\n".join([f"python=={platform.python_version()}", *sorted(pins)])
    return sha256(text), text


def packages_of(python: Path) -> str:
    """What is installed in the environment of an interpreter, a line each, as `name==version`;
    nothing for an interpreter that is in no environment of its own."""
    found = python.parent.parent.glob("lib/python*/site-packages/*.dist-info")
    names = (path.name.removesuffix(".dist-info").partition("-") for path in found)
    return "\n".join(sorted(f"{name.lower()}=={version}" for name, _, version in names))


def owner(root: Path, named: str | None) -> str:
    """Who is responsible: the setting, Git's user, or the account."""
    return named or git(root, "config", "user.name") or _account()


def process() -> Process:
    """Host, process id and its start: enough to tell later whether it still lives."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "pid_started": process_start(pid)}


def process_start(pid: int) -> str:
    """Start time of a process in clock ticks since boot; empty if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if not _alive(pid) else "unknown"
    return "" if fields[0] == "Z" else fields[19]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def git(root: Path, *words: str) -> str | None:
    """What Git answers in a folder; None if it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def digest_of(path: Path) -> str:
    """The sha256 of a file; "unreadable" if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def sha256(text: str) -> str:
    """The sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


OWN = "fullturn"
"""In a listing, fullturn's own code as one file."""


def listing(root: Path, patterns: Sequence[str]) -> str:
    """A line for each file of a project that matches a pattern, with its sha256, as `name==sha256`;
    fullturn's own code is the first.

    `*` matches `/` too. What Git ignores is left out, and so are tests: no model depends on them.
    """
    lines = [f"{name}=={digest_of(root / name)}" for name in code_files(root, patterns)]
    return "\n".join([f"{OWN}=={_own_code()}", *lines])


def code_files(root: Path, patterns: Sequence[str]) -> list[str]:
    """Names of the files of a project that match a pattern, without tests and what Git ignores."""
    return sorted(
        name
        for name in files_of(root)
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and not is_test(name)
    )


def files_of(root: Path) -> list[str]:
    """A project's files by their names in it, without what Git ignores; all, outside Git."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    if listed is None:
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return [str(path) for path in found if not _hidden(path)]
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def is_test(name: str) -> bool:
    """Whether a file is one of a project's own tests."""
    path = Path(name)
    return "tests" in path.parts[:-1] or path.name == "conftest.py" or (
        path.suffix == ".py" and (path.stem.startswith("test_") or path.stem.endswith("_test"))
    )  # fmt: skip


@lru_cache(maxsize=1)
def _own_code() -> str:
    package = Path(__file__).parents[1]
    left_out = {package / "cli", package / "demo"}
    lines = [
        f"{path.relative_to(package)}\0{digest_of(path)}"
        for path in sorted(package.rglob("*.py"))
        if not left_out & set(path.parents)
    ]
    return sha256("\n".join(lines))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in ("__pycache__", "venv") for part in path.parts)
