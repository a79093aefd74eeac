"""What an interrupted panel left half done is put right before the next one begins."""

from __future__ import annotations

from fullturn.lesson.panels.events import Tell, say
from fullturn.verbs import release, release_state
from fullturn.verbs.data import commit
from fullturn.verbs.workspace import Workspace, newest

BROKEN_DATA = "a copy that broke off"
"""Message of a dataset version that must not stay the newest."""


def recover(project: Workspace, tell: Tell) -> None:
    """End a release that nobody drives any more, and restore the data."""
    if release_state.under_way(project) is not None:
        ended = release.abort(project, "left open by an interrupted panel")
        tell(say(f"the release of version {ended.version} had been left open: aborted"))
    restore(project, tell)


def restore(project: Workspace, tell: Tell) -> None:
    """Commit the project's own files again, if the newest dataset version is the broken copy."""
    data = newest(project)
    if data is not None and data.message == BROKEN_DATA:
        restored = commit(project, [], "restored")
        tell(say(f"data restored as version {restored.version}: {restored.added} rows are back"))
