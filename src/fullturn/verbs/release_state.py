"""A release on record: a run in MLflow that says where it stands, so that any process can go on.

Its tags are its state. What the server does follows from one tag of the registered model, the
plan, which runs out if nobody renews it: with the controller gone, everyone gets the champion.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Literal

from fullturn.core.entities import ModelVersion, Outcome, ReleasePlan, RunRecord
from fullturn.core.errors import Conflict, NotFound, NotGated, Refused
from fullturn.core.settings import ReleaseSettings
from fullturn.core.tags import NOTE, PREFIX, VersionTags
from fullturn.registry import promotion, versions
from fullturn.serving.deployment import RELEASE
from fullturn.tracking.runs import RunPlan, recorded
from fullturn.verbs.loading import load_version
from fullturn.verbs.workspace import Workspace

KIND = "release"
OUTCOME = VersionTags.key("outcome")
LEASE = 30.0
"""Seconds that the server follows a plan which nobody renews."""
Stage = Literal["shadow", "canary"]
Ending = Literal["promote", "roll back"]
_VERSION, _CHAMPION = PREFIX + "version", PREFIX + "champion"
_STAGE, _BEGAN = PREFIX + "stage", PREFIX + "stage_began"
_ENDING, _REASON = PREFIX + "ending", PREFIX + "reason"


@dataclass(frozen=True, slots=True)
class Release:
    """One version on its way to users, or back."""

    run: str
    version: int
    champion: int
    stage: Stage
    began: float
    """Of the release, in seconds since 1970."""
    stage_began: float
    settings: ReleaseSettings
    """As they were at the start: a change of fullturn.toml does not move the goal posts."""
    actor: str
    ending: Ending | None = None
    """Decided, and perhaps not carried out yet."""
    outcome: Outcome | None = None
    reason: str = ""


def begin(project: Workspace, version: ModelVersion) -> Release:
    """Put a release on record, and let the server begin with it.

    Raises:
        NotFound: there is no champion to compare it with.
        NotGated: no gate report of the version passed.
        Conflict: another release is under way, or the version is the champion.
        Refused: the version was rolled back before; that is final.
        BundleError, IntegrityError: its files do not load.
    """
    champion = _may_begin(project, version)
    load_version(project, version)
    settings = project.settings.release
    stage: Stage = "shadow" if settings.shadow_requests else "canary"
    now = time.time()
    owner = project.settings.experiment.owner
    tags = {
        **recorded(project.root, RunPlan(KIND, "", owner=owner)),
        _VERSION: str(version.version),
        _CHAMPION: str(champion),
        _STAGE: stage,
        _BEGAN: repr(now),
        PREFIX + "began": repr(now),
        PREFIX + "settings": settings.model_dump_json(),
        "mlflow.parentRunId": version.run_id,
    }
    name = f"release of version {version.version}"
    run = project.store.start_run(KIND, name, _flat(settings), tags)
    release = read(project.store.run(run))
    renew(project, release, force=True)
    return release


def _may_begin(project: Workspace, version: ModelVersion) -> int:
    champion = promotion.settle(project.store)
    if champion is None:
        raise NotFound("there is no champion to compare it with; `fullturn promote` the first one")
    if champion == version.version:
        raise Conflict(f"version {version.version} is the champion already; nothing to release")
    if version.tags.get(OUTCOME) != "PASSED":
        raise NotGated(f"version {version.version} has no gate report that passed; gate it first")
    for other in releases(project):
        if other.ending is None or project.store.run(other.run).status == "RUNNING":
            raise Conflict(
                f"the release of version {other.version} is under way; see `fullturn release "
                "status`, or end it with `fullturn release abort`"
            )
        if other.version == version.version and other.ending == "roll back":
            raise Refused(
                f"version {version.version} was rolled back ({other.reason}); that is final for a "
                "version: train another one"
            )
    return champion


def releases(project: Workspace) -> list[Release]:
    """All releases, newest first."""
    return [read(run) for run in project.store.runs(KIND)]


def under_way(project: Workspace) -> Release | None:
    """The release that has not ended, if there is one."""
    running = project.store.runs(KIND, status="RUNNING")
    return read(running[0]) if running else None


def current(project: Workspace, release: Release) -> Release:
    """The release as it is on record.

    As long as its plan stands, nobody has ended it: reading the run, with all its metrics, at
    every look would cost more than the look.
    """
    text = _plan_text(project)
    if text and json.loads(text)["run"] == release.run and release.ending is None:
        return release
    return read(project.store.run(release.run))


def driven(project: Workspace, release: Release) -> bool:
    """Whether somebody looks at it: its plan is renewed, and the server follows it."""
    text = _plan_text(project)
    if not text:
        return False
    plan = json.loads(text)
    return bool(plan["run"] == release.run and plan["until"] > time.time())


def advance(project: Workspace, release: Release) -> Release:
    """On to the canary."""
    now = time.time()
    project.store.tag_run(release.run, {_STAGE: "canary", _BEGAN: repr(now)})
    moved = replace(release, stage="canary", stage_began=now)
    renew(project, moved, force=True)
    return moved


def renew(project: Workspace, release: Release, *, force: bool = False) -> None:
    """Let the server follow the plan for another while; written only when half of it is over."""
    store = project.store
    current = _plan_text(project)
    if not force and current and json.loads(current)["until"] > time.time() + LEASE / 2:
        return
    plan = ReleasePlan(
        run=release.run,
        stage=release.stage,
        version=release.version,
        share=release.settings.canary_share,
        salt=release.run,
        until=time.time() + LEASE,
    )
    store.tag_model(store.name, {RELEASE: json.dumps(asdict(plan))})


def withdraw(project: Workspace) -> None:
    """Everyone gets the champion."""
    if _plan_text(project):
        project.store.tag_model(project.store.name, {RELEASE: ""})


def decide(
    project: Workspace, release: Release, ending: Ending, outcome: Outcome, reason: str
) -> Release:
    """Put the end on record before it is carried out."""
    tags = {_ENDING: ending, _REASON: reason, OUTCOME: outcome}
    project.store.tag_run(release.run, tags)
    return replace(release, ending=ending, outcome=outcome, reason=reason)


def finalize(project: Workspace, release: Release) -> Release:
    """Do what was decided; doing it twice does it once.

    A champion that changed meanwhile was not what the version was compared with: then it goes
    back too.
    """
    store = project.store
    champion = promotion.settle(store)
    if release.ending == "promote" and champion != release.version:
        if champion != release.champion:
            reason = f"the champion changed meanwhile, from {release.champion} to {champion}"
            release = decide(project, release, "roll back", "INCONCLUSIVE", reason)
        else:
            version = versions.version(store, str(release.version))
            why = f"release {release.run[:8]}: {release.reason}"
            promotion.promote(store, version, actor=release.actor, reason=why)
    withdraw(project)
    what = "promoted" if release.ending == "promote" else "rolled back"
    note = f"**Version {release.version} {what}**: {release.reason}"
    store.tag_run(release.run, {NOTE: note})
    store.end_run(release.run, "FINISHED")
    return release


def read(run: RunRecord) -> Release:
    """A release as its run tells it."""
    tags = run.tags
    return Release(
        run=run.id,
        version=int(tags[_VERSION]),
        champion=int(tags[_CHAMPION]),
        stage="canary" if tags[_STAGE] == "canary" else "shadow",
        began=float(tags[PREFIX + "began"]),
        stage_began=float(tags[_BEGAN]),
        settings=ReleaseSettings.model_validate_json(tags[PREFIX + "settings"]),
        actor=tags.get(PREFIX + "owner", "unknown"),
        ending=tags.get(_ENDING),  # type: ignore[arg-type]
        outcome=tags.get(OUTCOME),  # type: ignore[arg-type]
        reason=tags.get(_REASON, ""),
    )


def _plan_text(project: Workspace) -> str:
    return project.store.registered(project.store.name).tags.get(RELEASE, "")


def _flat(settings: ReleaseSettings) -> dict[str, str | int | float | bool]:
    dumped = settings.model_dump()
    return {
        name: value if isinstance(value, str | int | float | bool) else ", ".join(map(str, value))
        for name, value in dumped.items()
    }
