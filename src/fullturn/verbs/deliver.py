"""Deliver a version: release it if a server is running, otherwise promote it directly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import CouldNotEvaluate, Refused
from fullturn.core.settings import STATE
from fullturn.core.showing import Block, Result, by_field, line, styled, then, view
from fullturn.core.tags import VersionTags
from fullturn.registry import promotion
from fullturn.release import state
from fullturn.serving import log
from fullturn.tracking.provenance import in_ci
from fullturn.verbs.parts import references
from fullturn.verbs.parts.admission import rolled_back
from fullturn.verbs.promote import promote
from fullturn.verbs.release import OnLook, begin, release
from fullturn.verbs.workspace import Workspace, unwatched

Route = Literal["is champion", "was refused", "at once", "by release", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Delivered(Result):
    """How a version was delivered, or why there was nothing to do."""

    version: int
    route: Route
    reason: str

    def to_dict(self) -> Any:
        """Its fields; `way` is the old name of `route`, for one version."""
        return by_field(self) | {"way": self.route}


def deployment_route(project: Workspace, version: ModelVersion) -> tuple[Route, str]:
    """How a version has to be delivered, and why."""
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
        return "elsewhere", f"{passed}; no server runs here, but one may run elsewhere"
    return "at once", f"{passed}; no server is running, so it was promoted directly"


def deliver(project: Workspace, reference: str | int, on_look: OnLook = unwatched) -> Delivered:
    """Deliver a version: release it if a server is running, otherwise promote it directly.

    Returns when the release is decided; `on_look` gets each look at it. On a shared tracking server
    without a server on this machine, the release is only started: `fullturn turn --watch` next to
    the server advances it.

    Raises:
        NotFound, NotGated, Conflict: the release may not start.
        Refused, Inconclusive: it was rolled back, now or before.
        CouldNotEvaluate: on a CI platform, the registry is local to the job.
    """
    found = references.version(project, reference)
    chosen, why = deployment_route(project, found)
    if chosen == "was refused":
        raise Refused(f"{why}; that is final for this version: change the candidate")
    if in_ci() and not project.shared and not os.environ.get(STATE):
        raise CouldNotEvaluate(
            f"the registry is a file on this CI runner, {project.state}, and thrown away with it: "
            f"set MLFLOW_TRACKING_URI to a tracking server, or {STATE} to the server's folder"
        )
    if chosen == "at once":
        promote(project, found.version, why)
    elif chosen == "by release":
        why = release(project, found.version, on_look).reason
    elif chosen == "elsewhere":
        opened = state.under_way(project.store)
        if opened is None or opened.version != found.version:
            begin(project, found)
    return Delivered(found.version, chosen, why)


@view.register
def _(result: Delivered) -> Iterator[Block]:
    word = "is being released" if result.route == "elsewhere" else "is champion"
    yield line(styled(f"version {result.version}", "bold"), f" {word}: {result.reason}")
    yield then("fullturn history", f"fullturn verify {result.version}")
