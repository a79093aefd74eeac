"""Back to an earlier champion."""

from __future__ import annotations

from fullturn.core.entities import HistoryEntry
from fullturn.registry import promotion, versions
from fullturn.verbs.loading import load_version
from fullturn.verbs.workspace import Workspace


def rollback(project: Workspace, to: int | None = None, *, reason: str) -> HistoryEntry:
    """Make an earlier champion the champion again, once it has been loaded and probed.

    `to` is its version; the one before the champion, if not named.

    Raises:
        NotFound: there is no such earlier champion.
        IntegrityError, BundleError: it does not load, or answers otherwise than recorded.
        Conflict: another promotion or rollback came first.
        UsageError: the reason is empty.
    """
    number = promotion.rollback_target(project.store, to)
    version = versions.version(project.store, str(number))
    load_version(project, version)
    return promotion.roll_back(project.store, version, actor=project.owner, reason=reason)
