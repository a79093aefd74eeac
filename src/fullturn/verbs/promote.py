"""Make a version the champion."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.core.entities import HistoryEntry
from fullturn.core.showing import Block, line, styled, then, view
from fullturn.registry import promotion
from fullturn.verbs import references
from fullturn.verbs.loading import load_version
from fullturn.verbs.workspace import Workspace


def promote(project: Workspace, reference: str | int, reason: str) -> HistoryEntry:
    """Make a version the champion, if its gate passed and its files reproduce recorded outputs.

    Raises:
        NotFound: there is no such version.
        NotGated: it has no gate report that passed.
        Conflict: it is the champion already, or another promotion or rollback was first.
        IntegrityError, BundleError: its files were changed, or do not load.
        UsageError: the reason is empty.
    """
    version = references.version(project, reference)
    load_version(project, version)
    return promotion.promote(project.store, version, actor=project.owner, reason=reason)


@view.register
def _(result: HistoryEntry) -> Iterator[Block]:
    before = f"version {result.previous}" if result.previous else "none"
    now = styled(f"version {result.version}", "bold")
    yield line(f"champion: {before} → ", now, f" ({result.action})")
    yield then("fullturn history", "fullturn rollback --reason '…'")
