"""Roll back to an earlier champion."""

from __future__ import annotations

from fullturn.core.entities import HistoryEntry
from fullturn.registry import history, promotion, versions
from fullturn.verbs.parts.loading import load_version
from fullturn.verbs.parts.sealing import seal
from fullturn.verbs.workspace import Workspace


def rollback(project: Workspace, to: int | None = None, *, reason: str) -> HistoryEntry:
    """Roll back to an earlier champion, after loading and testing it.

    `to` is its version; by default the previous champion.

    Raises:
        NotFound: there is no such earlier champion.
        IntegrityError, BundleError: it does not load, or its outputs differ from the recorded ones.
        Conflict: another promotion or rollback was first, or it is the champion.
        UsageError: the reason is empty.
    """
    found = history.read(project.store)
    number = promotion.rollback_target(project.store, to, found)
    version = versions.version(project.store, str(number))
    load_version(project, version)
    return promotion.roll_back(
        project.store,
        version,
        actor=project.owner,
        reason=reason,
        found=found,
        seal=seal(project),
    )
