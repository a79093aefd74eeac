"""The workflow files of a project, for GitHub and GitLab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fullturn.core.showing import Block, Line, Result, line, then, view
from fullturn.pipeline import workflows as files
from fullturn.verbs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Workflows(Result):
    """How the workflow files of a project differ from what this version of fullturn writes."""

    differ: Mapping[str, str]
    """Unified differences, by path."""
    left: tuple[str, ...]
    """Files of somebody else's: they lack the line "Written by fullturn"."""
    written: bool

    @property
    def exit_code(self) -> int:
        """1 if files differ and were not written."""
        return int(bool(self.differ) and not self.written)

    def to_dict(self) -> Any:
        """Paths only."""
        return {"differ": list(self.differ), "left": list(self.left), "written": self.written}


def workflows(project: Workspace, check: bool = False) -> Workflows:
    """Write the workflow files for GitHub and GitLab as this version of fullturn has them.

    What you changed in them is replaced: look at `check`, which writes nothing, or at Git, first.
    A file without the line "Written by fullturn" is left alone.
    """
    rendered = files.render(project.settings)
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
