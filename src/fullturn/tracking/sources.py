"""Which files of a project are code, and a digest of those that a model depends on."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from fullturn.tracking.provenance import digest_of, git, sha256

OWN = "fullturn"
"""In a listing, fullturn's own code as one file."""


def listing(root: Path, patterns: Sequence[str]) -> str:
    """A line for each file of a project that matches a pattern, with its sha256, as `name==sha256`;
    fullturn's own code is the first.

    `*` matches `/` too. What Git ignores is left out, and so are tests: no model depends on them.
    """
    chosen = [
        name
        for name in files_of(root)
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and not is_test(name)
    ]
    lines = [f"{name}=={digest_of(root / name)}" for name in sorted(chosen)]
    return "\n".join([f"{OWN}=={_own_code()}", *lines])


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
