"""A release is stored as a run in MLflow with its stage, so that any process can resume it.

How it ends is decided in the ledger, once; the tags of its run repeat it for readers of MLflow.
What the server does follows from one tag of the registered model, the plan, which expires if it is
not renewed: without a controller, all traffic goes to the champion.

One process controls a release, by its entry in the ledger, as long as it renews the plan. Another
one that wants to waits that long, and takes over or is refused; what the first one does afterwards
has no effect.

A plan is withdrawn only after the end was decided. A process that writes a plan therefore reads
the ledger afterwards, and withdraws the plan again if the release has ended meanwhile: of an abort
and a renewal, in whatever order their steps occur, the abort prevails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from fullturn.core import release_plan
from fullturn.core.entities import ModelVersion, Outcome, ReleasePlan, RunRecord
from fullturn.core.errors import Conflict, CouldNotEvaluate, NotFound
from fullturn.core.settings import ReleaseSettings
from fullturn.core.showing import Result
from fullturn.core.tags import NOTE, PARENT, ModelTags, OriginTags, ReleaseTags
from fullturn.release import ledger
from fullturn.release.ledger import Control, Decided, Ending, Ledger, Process
from fullturn.release.records import Decision, Stage
from fullturn.store import Store

KIND = "release"
LEASE = 30.0
"""Seconds that the server follows a plan that is not renewed."""
CLOCK = 10.0
"""Seconds that a controller's clock may differ from the tracking server's."""


@dataclass(frozen=True, slots=True)
class Release(Result):
    """The release of one version."""

    run: str
    version: int
    champion: int
    stage: Stage
    began: float
    """Of the release, in seconds since 1970."""
    stage_began: float
    settings: ReleaseSettings
    """As they were at the start: later changes of fullturn.toml do not apply."""
    actor: str
    ending: Ending | None = None
    """Decided, but perhaps not finalized yet."""
    outcome: Outcome | None = None
    reason: str = ""
    decision: int = 0
    """Number of the decision in the ledger; 0 for none, or one of version 0.1."""


OnLook = Callable[[Release, Decision], None]
"""Gets a release and each look at it."""


def begin(
    store: Store,
    version: ModelVersion,
    champion: int,
    settings: ReleaseSettings,
    origin: Mapping[str, str],
) -> Release:
    """Record a release, and let the server start it.

    `origin` are the tags with its author and code.

    Raises:
        Conflict: another release was first.
    """
    now = time.time()
    tags = ReleaseTags(
        version=version.version,
        champion=champion,
        stage="shadow" if settings.shadow_requests else "canary",
        stage_began=now,
        began=now,
        settings=settings.model_dump_json(),
    )
    name = f"release of version {version.version}"
    run = store.start_run(
        KIND, name, _flat(settings), {**origin, **tags.write(), PARENT: version.run_id}
    )
    return resume(store, read(store, run))


def resume(store: Store, release: Release) -> Release:
    """Let the server follow a release that begins, or that has lost its controller.

    Raises:
        Conflict: another release was first.
    """
    found = _entered(store, release)
    return found if found.ending else _publish(store, found, control_of(store, found.run))


def take_control(
    store: Store, release: Release, process: Process, is_gone: Callable[[Process], bool]
) -> tuple[Release, int]:
    """Let the server follow a release that this process controls from now on; the number of its
    entry in the ledger too. `is_gone` says of a process of this machine that it has ended.

    If another process controls the release, wait until that has not renewed its plan for so long
    that the server no longer follows it.

    Raises:
        Conflict: another release was first, or another process goes on controlling this one.
        CouldNotEvaluate: this machine's clock is off.
    """
    found = _entered(store, release)
    while True:
        book = ledger.read(store)
        if found.ending or release.run in book.decisions:
            return read(store, release.run), 0
        present = book.controls.get(release.run)
        if present and present.process == process:
            return _publish(store, found, present.number), present.number
        if present and not is_gone(present.process):
            _await_silence(store, found, present)
        number = present.number if present else 0
        book, created = ledger.take(store, release.run, process, number)
        _check_clock(store, created)
        found = read(store, release.run)


def control_of(store: Store, run: str) -> int:
    """The entry in the ledger of the process that controls a release; 0 if none does."""
    present = ledger.read(store).controls.get(run)
    return present.number if present else 0


def described(release: Release) -> str:
    """Who releases what, since when."""
    began = datetime.fromtimestamp(release.began, UTC).isoformat(timespec="seconds")
    return (
        f"{release.actor} is releasing version {release.version} against {release.champion} "
        f"since {began}"
    )


def releases(store: Store, version: int | None = None) -> list[Release]:
    """All releases, newest first; only those of a version, if given."""
    tags = ReleaseTags(version=version).write()
    return _read_all(store, store.runs(KIND, tags=tags))


def under_way(store: Store) -> Release | None:
    """The release that is not finished, if there is one."""
    running = store.runs(KIND, status="RUNNING")
    return next(iter(_read_all(store, running)), None) if running else None


def read(store: Store, run: str) -> Release:
    """A release as it is stored now."""
    return _release(store.run(run), ledger.read(store))


def current(store: Store, release: Release) -> Release:
    """The release as it is stored. As long as its plan is in force, it has not ended, and its run
    with all its metrics is not read.

    Raises:
        Conflict: its plan was withdrawn, and it has not ended.
    """
    if release.ending is not None or _in_force(store, release):
        return release
    found = read(store, release.run)
    if found.ending is None:
        raise Conflict(
            f"the plan of the release of version {release.version} was withdrawn, but the release "
            f"was not ended; `fullturn release {release.version}` resumes it, `fullturn release "
            "abort` ends it"
        )
    return found


def has_controller(store: Store, release: Release) -> bool:
    """Whether a controller is running: its plan is renewed, and the server follows it."""
    plan = _in_force(store, release)
    return plan is not None and plan.until > time.time()


def renew(store: Store, release: Release, control: int = 0) -> Release:
    """Extend the lease of the plan, once half of it is over.

    Only a plan in force is extended. Returns the release, which may have ended meanwhile. `control`
    is the entry of the controller.

    Raises:
        Conflict: its plan was withdrawn, and it has not ended; or another process has taken over.
    """
    plan = _in_force(store, release)
    if plan is None:
        return current(store, release)
    if plan.control != control:
        _check_control(ledger.read(store), release, control)
    elif plan.until > time.time() + LEASE / 2:
        return release
    return _publish(store, release, control)


def advance(store: Store, release: Release, control: int = 0) -> Release:
    """Advance to the canary, unless the release has ended.

    Raises:
        Conflict: its plan was withdrawn, and it has not ended; or another process has taken over.
    """
    found = current(store, release)
    if found.ending is not None:
        return found
    if control:
        _check_control(ledger.read(store), release, control)
    now = time.time()
    store.tag_run(release.run, ReleaseTags(stage="canary", stage_began=now).write())
    return _publish(store, replace(release, stage="canary", stage_began=now), control)


def decide(store: Store, release: Release, decided: Decided) -> Release:
    """Decide how a release ends, unless that is decided; returns it with the first decision.

    Raises:
        Conflict: the controller that decided, by evidence, is no longer in control.
    """
    found = read(store, release.run)
    return found if found.ending is not None else _decide(store, found, decided, 0)


def overrule(store: Store, release: Release, decided: Decided) -> Release:
    """Replace a decision that cannot be carried out; returns the release with the new one."""
    return _decide(store, release, decided, release.decision)


def withdraw(store: Store, release: Release) -> None:
    """Send all traffic to the champion, even if the plan is renewed once more by mistake."""
    tags = ModelTags.read(store.registered(store.name).tags)
    if tags.release_ended == release.run and not tags.release:
        return
    plan = _plan(store)
    if plan is None or plan.run == release.run:
        ended = ModelTags(release_ended=release.run, release="")
        store.tag_model(store.name, ended.write())


def close(store: Store, release: Release) -> None:
    """End the run of a release that is finished."""
    withdraw(store, release)
    what = "promoted" if release.ending == "promote" else "rolled back"
    note = f"**Version {release.version} {what}**: {release.reason}"
    store.tag_run(release.run, {**_decision_tags(release), NOTE: note})
    store.end_run(release.run, "FINISHED")


def _decide(store: Store, release: Release, decided: Decided, replaces: int) -> Release:
    book = ledger.end(store, release.run, decided, replaces)
    if release.run not in book.decisions:
        _check_control(book, release, decided.control or 0)
    ended = _with(release, book.decisions[release.run])
    if ended.ending == "roll back":
        withdraw(store, ended)  # the traffic first, then the tags that repeat the decision
    store.tag_run(release.run, _decision_tags(ended))
    return ended


def _publish(store: Store, release: Release, control: int) -> Release:
    """Write the plan; withdrawn again if the release was decided meanwhile."""
    plan = ReleasePlan(
        run=release.run,
        stage=release.stage,
        version=release.version,
        share=release.settings.canary_share,
        salt=release.run,
        until=time.time() + LEASE,
        control=control,
    )
    store.tag_model(store.name, release_plan.written(plan))
    book = ledger.read(store)
    decided = book.decisions.get(release.run)
    if decided is None:
        _check_control(book, release, control)
        return release
    ended = _with(release, decided)
    withdraw(store, ended)
    return ended


def _check_control(book: Ledger, release: Release, control: int) -> None:
    """Raises Conflict if another process than that of `control` controls a release."""
    present = book.controls.get(release.run)
    if present is not None and present.number != control:
        raise Conflict(
            f"{present.process} has taken control of the release of version {release.version}; "
            "`fullturn release status` shows how it goes"
        )


def _await_silence(store: Store, release: Release, present: Control) -> None:
    """Wait until a plan is not renewed for the length of a lease, whatever the clocks say.

    Raises:
        Conflict: it is renewed.
    """
    plan = _in_force(store, release)
    first, until = plan.until if plan else 0.0, time.monotonic() + LEASE
    while plan is not None and time.time() < plan.until + LEASE and time.monotonic() < until:
        if plan.until > first:
            raise Conflict(
                f"{present.process} controls the release of version {release.version}, begun by "
                f"{release.actor}; `fullturn release status` shows how it goes"
            )
        time.sleep(min(1.0, LEASE / 10))
        plan = _in_force(store, release)


def _check_clock(store: Store, created: str) -> None:
    """Compare the clock with the time at which the tracking server got an entry just now.

    Raises:
        CouldNotEvaluate: it is off; the server that answers would follow no plan, or old ones.
    """
    ahead = time.time() - datetime.fromisoformat(created).timestamp()
    if abs(ahead) > CLOCK:
        which = "ahead of" if ahead > 0 else "behind"
        raise CouldNotEvaluate(
            f"this machine's clock is {abs(ahead):.0f} seconds {which} that of the tracking server "
            f"{store.uri}, and a release is followed only up to a time: set the clock (NTP) and "
            "try again"
        )


def _entered(store: Store, release: Release) -> Release:
    """The release once it is in the ledger, where it may have been decided.

    Raises:
        Conflict: another one is under way there; the run of this one is closed.
    """
    book = ledger.read(store)
    if release.ending is None and release.run not in book.begun | book.rejected:
        if book.under_way is not None:
            _unblock(store, book.under_way, release.actor)
        book = ledger.begin(store, release.run)
    if release.run in book.rejected:
        store.tag_run(release.run, {NOTE: "Another release began first."})
        store.end_run(release.run, "KILLED")
        other = f": {described(read(store, book.under_way))}" if book.under_way else ""
        raise Conflict(
            f"another release began before that of version {release.version}{other}; see "
            "`fullturn release status`"
        )
    decided = book.decisions.get(release.run)
    return _with(release, decided) if decided else release


def _unblock(store: Store, run: str, actor: str) -> None:
    """Decide a release whose run was ended or deleted in MLflow: it would block every other."""
    if run not in {one.id for one in store.runs(KIND, status="RUNNING")}:
        reason = "its run was ended or deleted in MLflow"
        ledger.end(store, run, Decided("roll back", "INCONCLUSIVE", reason, actor))


def _in_force(store: Store, release: Release) -> ReleasePlan | None:
    """The plan of this release; None if it was withdrawn, or replaced by another's."""
    plan = _plan(store)
    return plan if plan is not None and plan.run == release.run else None


def _plan(store: Store) -> ReleasePlan | None:
    try:
        return release_plan.read(store.registered(store.name).tags)
    except ValueError:
        return None


def _read_all(store: Store, runs: Sequence[RunRecord]) -> list[Release]:
    if not runs:
        return []
    book = ledger.read(store)
    counted = (run for run in runs if run.id not in book.rejected and _is_release(run))
    return [_release(run, book) for run in counted]


def _is_release(run: RunRecord) -> bool:
    tags = ReleaseTags.read(run.tags)
    return None not in (tags.version, tags.champion, tags.settings, tags.began, tags.stage_began)


def _release(run: RunRecord, book: Ledger) -> Release:
    """A release from the tags of its run, and the ledger.

    Version 0.1 had no ledger: the tags of its releases count.
    """
    if not _is_release(run):
        raise NotFound(f"run {run.id} is not a release of this project")
    tags = ReleaseTags.read(run.tags)
    release = Release(
        run=run.id,
        version=tags.version or 0,
        champion=tags.champion or 0,
        stage="canary" if tags.stage == "canary" else "shadow",
        began=tags.began or 0.0,
        stage_began=tags.stage_began or 0.0,
        settings=ReleaseSettings.model_validate_json(tags.settings or ""),
        actor=OriginTags.read(run.tags).owner or "unknown",
        ending=cast(Ending | None, tags.ending),
        outcome=cast(Outcome | None, tags.outcome),
        reason=tags.reason or "",
    )
    decided = book.decisions.get(run.id)
    return _with(release, decided) if decided else release


def _with(release: Release, decided: Decided) -> Release:
    return replace(
        release,
        ending=decided.ending,
        outcome=decided.outcome,
        reason=decided.reason,
        decision=decided.number,
    )


def _decision_tags(release: Release) -> dict[str, str]:
    return ReleaseTags(
        ending=release.ending, outcome=release.outcome, reason=release.reason
    ).write()


def _flat(settings: ReleaseSettings) -> dict[str, str | int | float | bool]:
    dumped = settings.model_dump()
    return {
        name: value if isinstance(value, str | int | float | bool) else ", ".join(map(str, value))
        for name, value in dumped.items()
    }
