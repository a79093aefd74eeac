"""What every new project holds besides its data: settings, workflows, a .gitignore, a commit."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fullturn.core import settings
from fullturn.core.showing import Block, Result, line, styled, then, view
from fullturn.pipeline import workflows

_IGNORED = (b".fullturn/", b"ci-report/", b"__pycache__/")


@dataclass(frozen=True, slots=True)
class Started(Result):
    """A new project."""

    folder: Path
    kept: tuple[str, ...] = ()
    """Files that were there already, and stayed as they were."""
    asks: tuple[str, ...] = ()
    """What the person still has to do, a sentence each."""


def write(folder: Path, toml: str, *, own_git: bool = True) -> Started:
    """Write the settings, and what of the other files is not there yet.

    With `own_git` the folder becomes a repository; otherwise somebody keeps it in theirs.
    """
    (folder / settings.FILE).write_text(toml, encoding="utf-8")
    files = workflows.render(settings.read(folder))
    files[workflows.REQUIREMENTS] = workflows.requirements()
    kept = tuple(path for path in files if (folder / path).exists())
    workflows.write(folder, {path: text for path, text in files.items() if path not in kept})
    _ignore(folder / ".gitignore")
    if own_git:
        _into_git(folder)
    asks = (_requirement(folder, files[workflows.REQUIREMENTS]), _place(folder))
    return Started(folder, kept, tuple(filter(None, asks)))


def _into_git(folder: Path) -> None:
    """Put a new project under Git, so that runs can name a commit; skipped without git."""
    who = ["-c", "user.name=fullturn", "-c", "user.email=fullturn@localhost"]
    for words in (
        ["init", "--quiet", "--initial-branch", workflows.DEFAULT_BRANCHES[0]],
        ["add", "--all"],
        [*who, "commit", "-qm", "New project"],
    ):
        try:
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return


def _ignore(file: Path) -> None:
    lines = file.read_bytes().splitlines() if file.exists() else []
    added = [line for line in _IGNORED if line not in lines]
    file.write_bytes(b"\n".join((*lines, *added, b"")))


def _requirement(folder: Path, ours: str) -> str:
    """A person's own requirements are left alone, but a runner must find fullturn in them."""
    theirs = (folder / workflows.REQUIREMENTS).read_text(encoding="utf-8", errors="replace")
    if re.search(r"^\s*fullturn\b", theirs, re.MULTILINE):
        return ""
    line = ours.splitlines()[-1]
    return f"add `{line}` to {workflows.REQUIREMENTS}: a runner installs nothing else"


def _place(folder: Path) -> str:
    """The platforms look for workflows at the top of a repository only."""
    top = next((above for above in folder.resolve().parents if (above / ".git").exists()), None)
    if top is None or (folder / ".git").exists():
        return ""
    where = folder.resolve().relative_to(top)
    return (
        f"the repository's top is {top}: move .github and .gitlab-ci.yml there, and run their "
        f"steps in {where} (working-directory on GitHub, cd on GitLab)"
    )


@view.register
def _(result: Started) -> Iterator[Block]:
    inside = styled(result.folder, "bold")
    yield line("created project ", inside, ": fullturn.toml, data, CI workflows")
    if result.kept:
        yield line(f"existing files left unchanged: {', '.join(result.kept)}")
    for sentence in result.asks:
        yield line(styled(sentence, "open"))
    yield then(f"cd {result.folder} && fullturn turn")
