"""To users: at once where nobody is served, by a release where somebody is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import CouldNotEvaluate, Refused
from fullturn.core.settings import STATE
from fullturn.core.showing import Block, Result, line, styled, then, view
from fullturn.core.tags import VersionTags
from fullturn.registry import promotion
from fullturn.release import state
from fullturn.serving import log
from fullturn.verbs import references
from fullturn.verbs.ci.checkout import in_ci
from fullturn.verbs.promote import promote
from fullturn.verbs.release import OnLook, begin, release, rolled_back
from fullturn.verbs.workspace import Workspace, unwatched

Way = Literal["is champion", "was refused", "at once", "by release", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Delivered(Result):
    """How a version came to users, or why there was nothing to do."""

    version: int
    way: Way
    reason: str


def deployment_route(project: Workspace, version: ModelVersion) -> tuple[Way, str]:
    """Which way to users is due for a version, and why."""
    champion = promotion.sync_alias(project.store)
    if champion == version.version:
        return "is champion", "it is the champion already"
    if final := rolled_back(project, version):
        return "was refused", f"version {version.version} was rolled back: {final.reason}"
    passed = f"gate {(VersionTags.read(version.tags).gate or '')[:8]} passed"
    if champion is None:
        return "at once", f"{passed}; there is no champion yet"
    if log.writing(project.state):
        return "by release", f"{passed}; a server is running here"
    if project.shared:
        return "elsewhere", f"{passed}; no server writes its log here, but one may run elsewhere"
    return "at once", f"{passed}; no server is running, so no user is asked"


def deliver(project: Workspace, reference: str | int, on_look: OnLook = unwatched) -> Delivered:
    """Bring a version to users: by a release where a server runs, at once where nobody is served.

    Returns when it is decided; `on_look` gets each look at the release.

    Where the tracking server is shared and no server runs here, the release is only opened:
    whoever turns the loop beside the server drives it.

    Raises:
        NotFound, NotGated, Conflict: it may not begin.
        Refused, Inconclusive: it was rolled back, now or before.
        CouldNotEvaluate: on a platform, with a registry that nobody else sees.
    """
    found = references.version(project, reference)
    chosen, why = deployment_route(project, found)
    if chosen == "was refused":
        raise Refused(f"{why}; that is final for a version: change the candidate")
    if in_ci() and not project.shared and not os.environ.get(STATE):
        raise CouldNotEvaluate(
            f"the registry is a file of this runner, {project.state}, and thrown away with it: "
            f"name a tracking server (MLFLOW_TRACKING_URI), or the server's folder ({STATE})"
        )
    if chosen == "at once":
        promote(project, str(found.version), why)
    elif chosen == "by release":
        why = release(project, str(found.version), on_look).reason
    elif chosen == "elsewhere":
        opened = state.under_way(project.store)
        if opened is None or opened.version != found.version:
            begin(project, found)
    return Delivered(found.version, chosen, why)


@view.register
def _(result: Delivered) -> Iterator[Block]:
    word = "is being released" if result.way == "elsewhere" else "is champion"
    yield line(styled(f"version {result.version}", "bold"), f" {word}: {result.reason}")
    yield then("fullturn history", f"fullturn verify {result.version}")
