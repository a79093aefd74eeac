"""Make a version the champion."""

from __future__ import annotations

from fullturn.core.entities import HistoryEntry
from fullturn.core.errors import UsageError
from fullturn.registry import promotion
from fullturn.verbs.parts import references
from fullturn.verbs.parts.admission import admit
from fullturn.verbs.parts.loading import load_version
from fullturn.verbs.parts.sealing import seal
from fullturn.verbs.workspace import Workspace


def promote(
    project: Workspace, reference: str | int, reason: str = "", *, override: str = ""
) -> HistoryEntry:
    """Make a version the champion, if its gate passed and its files reproduce recorded outputs.

    The gate must have compared it with today's champion on the newest dataset version, and no
    release may have rolled it back. `override` is a reason to promote it in spite of that; the
    history says so.

    Raises:
        NotFound: there is no such version.
        NotGated: no gate against today's champion and data passed.
        Refused: its release rolled it back.
        Conflict: it is the champion already, another promotion or rollback was first, or the
            registered model is not fullturn's.
        IntegrityError, BundleError: its files were changed, or do not load.
        UsageError: there is no reason.
    """
    if not (reason or override).strip():
        raise UsageError("a promotion needs a reason: --reason 'why'")
    version = references.version(project, reference)
    admission = admit(project, version, override=bool(override.strip()))
    load_version(project, version)
    return promotion.promote(
        project.store,
        version,
        admission,
        actor=project.owner,
        reason=reason or override,
        seal=seal(project),
    )
