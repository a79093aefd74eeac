"""What is known about a version that is to become champion, for `registry.promotion.admit`.

Everything is read from the reports of its gates, never from tags: those only find the runs.
"""

from __future__ import annotations

import hashlib

from fullturn.core.entities import ModelVersion
from fullturn.core.errors import Conflict, IntegrityError, NotFound, NotGated, Refused
from fullturn.core.records import REPORTS
from fullturn.core.tags import CHAMPION_ALIAS, GateTags, VersionTags
from fullturn.registry import history as histories
from fullturn.registry import promotion
from fullturn.registry.promotion import Admission, GateEvidence, Today
from fullturn.release import state
from fullturn.release.state import Release
from fullturn.verbs.workspace import Workspace, newest


def admit(project: Workspace, version: ModelVersion, *, override: bool = False) -> Admission:
    """That a version may become champion now; with `override`, in any case.

    Raises:
        Conflict: it is the champion already, or the registered model is not fullturn's.
        NotGated: no gate against today's champion and data passed.
        Refused: its release rolled it back.
    """
    require_own_model(project)
    today, gates = _today(project, version, override), gates_of(project, version)
    return promotion.admit(version, gates, today, override=override)


def admit_released(project: Workspace, version: ModelVersion) -> Admission:
    """The same at the end of its release: that began with the comparison with today's data.

    Raises:
        Conflict, NotGated: see `admit`.
    """
    today = Today(histories.read(project.store), None)
    return promotion.admit(version, gates_of(project, version), today)


def refusal(project: Workspace, version: ModelVersion) -> str | None:
    """Why a version may not become champion now; None if it may."""
    try:
        admit(project, version)
    except (Conflict, NotGated, Refused) as error:
        return str(error)
    return None


def gates_of(project: Workspace, version: ModelVersion) -> list[GateEvidence]:
    """The gates of a version's run whose reports are whole, newest first."""
    store = project.store
    runs = [run.id for run in store.runs("gate", tags=GateTags(candidate=version.run_id).write())]
    by_tag = VersionTags.read(version.tags).gate
    named = dict.fromkeys([*runs, *([by_tag] if by_tag else [])])
    found = (evidence(project, run) for run in named)
    return [one for one in found if one is not None]


def evidence(project: Workspace, gate: str) -> GateEvidence | None:
    """The report of a gate's run; None if it has none that is whole."""
    from fullturn.gates import report as reports

    try:
        content = project.store.get(gate, REPORTS[0]).read_bytes()
        report = reports.from_json(content)
    except (NotFound, IntegrityError):
        return None
    return GateEvidence(gate, report, hashlib.sha256(content).hexdigest())


def rolled_back(project: Workspace, version: ModelVersion) -> Release | None:
    """The release in which a version was rolled back by evidence, if it was: that is final.

    An abort, and a release that ended for lack of evidence, are not.
    """
    before = state.releases(project.store, version.version)
    ended = (one for one in before if (one.ending, one.outcome) == ("roll back", "FAILED"))
    return next(ended, None)


def undecided(project: Workspace, version: ModelVersion) -> Release | None:
    """The last release of a version against today's champion, if it was ended without evidence: a
    person may release the version again, `turn` does not."""
    last = next(iter(state.releases(project.store, version.version)), None)
    if last is None or (last.ending, last.outcome) != ("roll back", "INCONCLUSIVE"):
        return None
    return last if last.champion == promotion.champion(project.store) else None


def _today(project: Workspace, version: ModelVersion, override: bool) -> Today:
    data = newest(project)
    if data is None and not override:
        raise NotGated(
            f"there is no dataset version here, so nobody can tell whether the gate of version "
            f"{version.version} was on today's data: `fullturn data commit` first"
        )
    final = rolled_back(project, version)
    return Today(
        histories.read(project.store), data.digest if data else "", final.reason if final else None
    )


def require_own_model(project: Workspace) -> None:
    """Make sure that the registered model is fullturn's, or that fullturn may use it.

    Raises:
        Conflict: it has versions, or an alias, of somebody else; says the ways on.
    """
    if project.settings.adopt_model:
        return
    store = project.store
    versions = store.versions(store.name)
    theirs = [one.version for one in versions if VersionTags.read(one.tags).bundle is None]
    alias = store.registered(store.name).aliases.get(CHAMPION_ALIAS)
    found = []
    if theirs and len(theirs) == len(versions):
        found.append(f"versions that fullturn did not register ({', '.join(map(str, theirs))})")
    if alias is not None and not histories.read(store).effective:
        found.append(f"an alias '{CHAMPION_ALIAS}' on version {alias} that fullturn did not set")
    if found:
        raise Conflict(
            f"the registered model '{store.name}' has {' and '.join(found)}: nothing was changed "
            "there. Choose another `name` in fullturn.toml; or set adopt_model = true, if fullturn "
            "may add versions to this model and move its alias; or operate its versions as they "
            "are, under another name, with app = 'mlflow_model'"
        )
