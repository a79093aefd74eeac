"""Release a version in stages, shadow → canary → champion, or roll it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import ModelVersion, Observation
from fullturn.core.errors import (
    Conflict,
    CouldNotEvaluate,
    Inconclusive,
    NotFound,
    NotGated,
    Refused,
)
from fullturn.core.locks import project_lock
from fullturn.core.showing import Block, Result, Style, by_field, line, styled, then, view
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.release import state
from fullturn.release.ledger import Decided, Process
from fullturn.release.records import Decision, comparison_grid
from fullturn.release.state import KIND, Release
from fullturn.release.state import OnLook as OnLook  # noqa: PLC0414  also imported from here
from fullturn.tracking import provenance
from fullturn.tracking.runs import RunPlan, recorded
from fullturn.verbs.parts import references
from fullturn.verbs.parts.admission import admit, admit_released
from fullturn.verbs.parts.sealing import seal
from fullturn.verbs.workspace import Workspace, unwatched

if TYPE_CHECKING:
    from fullturn.release.controller import Controller


@dataclass(frozen=True, slots=True)
class ReleaseStatus(Result):
    """The active release and its present evidence."""

    release: Release
    decision: Decision
    has_controller: bool
    """Whether a controller is running; without one, all traffic goes to the champion."""
    loss: str | None = None
    """What a loss is, if it is not 1 minus the score."""

    def to_dict(self) -> Any:
        """Its fields; `driven` is the old name of `has_controller`, for one version."""
        return by_field(self) | {"driven": self.has_controller}


def release(
    project: Workspace,
    reference: str | int,
    on_look: OnLook = unwatched,
    *,
    on_forecast: Callable[[list[str]], None] = lambda sentences: None,
) -> Release:
    """Release a version in stages, or resume its release; returns when it is decided.

    `on_forecast` gets the error rates and detectable effects before the release starts; `on_look`
    gets every look at the evidence. If this process is interrupted or killed, the release remains
    active: all traffic soon goes to the champion, until the release is resumed.

    Raises:
        NotFound, NotGated, Conflict, Refused: the release may not start.
        CouldNotEvaluate: no server of this machine writes the log that decides.
        Refused: it was rolled back by evidence.
        Inconclusive: it was rolled back for lack of evidence.
    """
    version = references.version(project, reference)
    with project_lock(project.state, f"fullturn release {reference}"):
        opened = state.under_way(project.store)
        if opened is None or opened.version != version.version:
            _check_start(project, version)
            opened = None
        if opened is None or opened.ending is None:
            require_log(project, version)
            on_forecast(forecast_sentences(project))
        ended = follow(project, opened or begin(project, version), on_look)
    return promoted(ended)


def require_log(project: Workspace, version: ModelVersion) -> None:
    """Make sure that a server of this machine writes the prediction log: a release without one
    would only reach its deadline.

    Raises:
        CouldNotEvaluate: none does.
    """
    from fullturn.serving import log

    if log.writing(project.state):
        return
    number = version.version
    step = (
        f"run this where the server runs, or `fullturn deliver {number}`, which starts the release "
        "for the `fullturn turn --watch` beside that server"
        if project.shared
        else f"start `fullturn serve`, or promote it without a release: "
        f"`fullturn promote {number} --reason 'why'`"
    )
    raise CouldNotEvaluate(
        f"no server writes a prediction log in {project.state}, and a release is decided by that "
        f"log: {step}"
    )


def promoted(ended: Release) -> Release:
    """The release, if it ended with a promotion.

    Raises:
        Refused: it was rolled back by evidence.
        Inconclusive: it was rolled back for lack of evidence.
    """
    if ended.ending == "promote":
        return ended
    error = Refused if ended.outcome == "FAILED" else Inconclusive
    raise error(f"version {ended.version} rolled back: {ended.reason}")


def begin(project: Workspace, version: ModelVersion) -> Release:
    """Record a release, which starts it on the server.

    Raises:
        NotFound: there is no champion to compare with.
        NotGated: no gate of the version against today's champion and data passed.
        Conflict: another release is active, or the version is the champion.
        Refused: the version was rolled back by evidence before; that is final.
        BundleError, IntegrityError: its files do not load.
    """
    from fullturn.verbs.parts.loading import load_version

    champion = _check_start(project, version)
    load_version(project, version)
    owner = project.owner
    origin = recorded(project.root, RunPlan(KIND, "", owner=owner))
    return state.begin(project.store, version, champion, project.settings.release, origin)


def follow(project: Workspace, opened: Release, on_look: OnLook) -> Release:
    """Look at the evidence until the release is decided, and finalize it.

    Raises:
        Conflict: another release was first, or the plan was withdrawn without a decision.
    """
    return finalize(project, _controller(project, opened).run(on_look))


def finalize(project: Workspace, release: Release) -> Release:
    """Carry out the stored decision; idempotent.

    If the champion changed during the release, the version was compared with another one, and is
    rolled back.

    Raises:
        Conflict: the release is not decided yet.
    """
    decided = state.read(project.store, release.run)
    if decided.ending is None:
        raise Conflict(f"the release of version {release.version} is not decided yet")
    if decided.ending == "promote":
        decided = _promote(project, decided)
    state.close(project.store, decided)
    return decided


def forecast_sentences(project: Workspace) -> list[str]:
    """Error rates and detectable effects of a release with the project's settings."""
    from fullturn.release.forecast import forecast, sentences

    found = sentences(forecast(project.settings.release))
    return [*found, project.loss_meaning] if project.loss_meaning else found


def status(project: Workspace) -> ReleaseStatus:
    """The stage and the evidence of the active release.

    Raises:
        NotFound: there is none.
    """
    opened = _active(project)
    decision = _controller(project, opened).peek()
    driven = state.has_controller(project.store, opened)
    return ReleaseStatus(opened, decision, driven, project.loss_meaning)


def abort(project: Workspace, reason: str) -> Release:
    """Abort the active release; all traffic goes to the champion immediately.

    Raises:
        NotFound: there is none.
        Conflict: its promotion was decided before, and was carried out.
    """
    opened = _active(project)
    why = f"aborted by {project.owner}: {reason}"
    decided = Decided("roll back", "INCONCLUSIVE", why, project.owner)
    ended = finalize(project, state.decide(project.store, opened, decided))
    if ended.ending == "promote":
        raise Conflict(
            f"the abort came too late: version {ended.version} was promoted before "
            f"({ended.reason}); `fullturn rollback --reason '…'` makes version {ended.champion} "
            "the champion again"
        )
    return ended


def _check_start(project: Workspace, version: ModelVersion) -> int:
    """The champion to compare with; see `begin` for what is raised."""
    store = project.store
    champion = promotion.sync_alias(store)
    if champion is None:
        raise NotFound(
            "there is no champion to compare with; promote the first one with "
            f"`fullturn promote {version.version} --reason 'why'`"
        )
    if champion == version.version:
        raise Conflict(f"version {version.version} is the champion already; nothing to release")
    other = state.under_way(store)
    if other is not None:
        raise Conflict(
            f"{state.described(other)}; see `fullturn release status`, or end it with `fullturn "
            "release abort`"
        )
    admit(project, version)
    return champion


def _promote(project: Workspace, release: Release) -> Release:
    """Promote the version, if the champion is still the one that it was compared with."""
    store = project.store
    while True:
        found = histories.read(store)
        champion = found.champion
        if champion == release.version or release.run in {one.release for one in found.effective}:
            promotion.sync_alias(store)
            return release
        if champion != release.champion:
            reason = f"the champion changed meanwhile, from {release.champion} to {champion}"
            return _overrule(project, release, reason)
        try:
            version = versions.version(store, str(release.version))
            promotion.promote(
                store,
                version,
                replace(admit_released(project, version), seen=found.head),
                actor=release.actor,
                reason=f"release {release.run[:8]}: {release.reason}",
                release=release.run,
                seal=seal(project),
            )
        except Conflict:
            continue  # another process changed the champion since it was read
        except (NotFound, NotGated) as error:
            return _overrule(project, release, f"it cannot be promoted: {error}")
        return release


def _overrule(project: Workspace, release: Release, reason: str) -> Release:
    decided = Decided("roll back", "INCONCLUSIVE", reason, project.owner)
    return state.overrule(project.store, release, decided)


def _controller(project: Workspace, release: Release) -> Controller:
    from fullturn.release.controller import FOLDER, Controller
    from fullturn.serving.log import VIOLATION
    from fullturn.serving.observations import Observer

    observer = Observer(project.state, project.subject, round(release.began * 1e9))
    mine = provenance.process()
    process = Process(mine["host"], mine["pid"], mine["pid_started"], str(project.state))

    def observe() -> list[Observation]:
        """Observations without requests that broke the contract: no version received them."""
        return [
            one for one in observer.read() if not (one.prediction.error or "").startswith(VIOLATION)
        ]

    def is_gone(other: Process) -> bool:
        """Whether a process of this machine has ended."""
        there = provenance.process_start(other.pid) if other.host == process.host else None
        return there is not None and there != other.started

    return Controller(project.store, release, project.state / FOLDER, observe, process, is_gone)


def _active(project: Workspace) -> Release:
    opened = state.under_way(project.store)
    if opened is None:
        last = next(iter(state.releases(project.store)), None)
        before = (
            f"; the last one, of version {last.version}, ended with: {last.ending}" if last else ""
        )
        raise NotFound(f"no release is active{before}; start one with `fullturn release VERSION`")
    return opened


STYLES: dict[str, Style] = {"advance": "good", "promote": "good", "roll back": "bad"}
_ENDINGS: dict[str, tuple[str, Style]] = {
    "promote": ("promoted", "good"),
    "roll back": ("rolled back", "bad"),
}


@view.register
def _(result: Release) -> Iterator[Block]:
    if result.ending:
        word, style = _ENDINGS[result.ending]
        yield line(f"version {result.version} ", styled(word, style), f": {result.reason}")
    else:
        yield from _under_way(result)
    yield then("fullturn history", "fullturn monitor", "fullturn rollback --reason '…'")


def _under_way(found: Release) -> Iterator[Block]:
    against = f"version {found.version} against champion {found.champion}: "
    yield line(against, styled(found.stage, "bold"))


@view.register
def _(result: ReleaseStatus) -> Iterator[Block]:
    if not result.has_controller:
        yield line(styled("no controller is running; all traffic goes to the champion", "open"))
    yield from _under_way(result.release)
    yield from view(result.decision)
    if result.loss:
        yield line(result.loss)
    yield then(f"fullturn release {result.release.version}", "fullturn release abort --reason '…'")


@view.register
def _(result: Decision) -> Iterator[Block]:
    yield comparison_grid(result.readings)
    yield line(styled(f"{result.action}:", STYLES.get(result.action, "dim")), f" {result.reason}")
