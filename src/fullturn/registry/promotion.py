"""Which version becomes champion: the one decision, and its entry in the history.

`admit` decides, by the reports of a version's gates, who may become champion today. `promote` and
`roll_back` enter it into the history (`registry.history`) with compare-and-set. The alias
`champion` is derived from the history, and is set again by the next process if one dies between
the two; an alias that somebody else set is left alone and not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from fullturn.core.entities import GateReport, HistoryEntry, ModelVersion
from fullturn.core.errors import AccessDenied, Conflict, NotFound, NotGated, Refused, UsageError
from fullturn.core.records import Registered
from fullturn.core.tags import CHAMPION_ALIAS, HistoryTags, ModelTags, VersionTags
from fullturn.registry import history as histories
from fullturn.registry.history import History, Seal
from fullturn.store import Store


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """The report of a gate, read from its run."""

    run: str
    report: GateReport
    digest: str
    """sha256 of the report's file."""


@dataclass(frozen=True, slots=True)
class Today:
    """What a version is compared with, if it is to become champion now."""

    history: History
    data: str | None
    """Digest of the newest dataset version; None where a release began with that comparison."""
    refused: str | None = None
    """Why its release rolled the version back; None if none did."""


@dataclass(frozen=True, slots=True)
class Admission:
    """That a version may become champion, and by what."""

    gate: str | None = None
    """The gate's run."""
    report: str | None = None
    """sha256 of its report."""
    seen: int | None = None
    """The last entry of the history that it was decided on; None for the last one now."""
    override: str = ""
    """What spoke against it, if it was overridden."""


def admit(
    version: ModelVersion, gates: Sequence[GateEvidence], today: Today, *, override: bool = False
) -> Admission:
    """Decide whether a version may become champion: its gate, against today's champion and data,
    passed, and no release rolled it back. `gates` are its gates, newest first.

    With `override` it may in any case, and the admission says what spoke against it.

    Raises:
        Conflict: it is the champion already.
        NotGated: there is no such gate, or it did not pass.
        Refused: its release rolled it back.
    """
    number, champion = version.version, today.history.champion
    if champion == number:
        raise Conflict(f"version {number} is the champion already; nothing to do")
    found = next((one for one in gates if _is_current(one.report, version, today)), None)
    against = _against(version, found, gates, today)
    if against is not None and not override:
        error = Refused if today.refused else NotGated
        raise error(
            f"version {number} may not become champion: {against}; to do it in spite of that: "
            f"`fullturn promote {number} --override 'why'`"
        )
    used = found or next(iter(gates), None)
    return Admission(
        used.run if used else None,
        used.digest if used else None,
        today.history.head,
        against or "",
    )


def _is_current(report: GateReport, version: ModelVersion, today: Today) -> bool:
    champion = today.history.champion
    return (
        report.subject == version.run_id
        and report.champion == (f"version {champion}" if champion else None)
        and today.data in (None, report.data_digest)
    )


def _against(
    version: ModelVersion, found: GateEvidence | None, gates: Sequence[GateEvidence], today: Today
) -> str | None:
    """Why a version may not be promoted, with the next step; None if it may."""
    again = f"`fullturn gate {version.version}` decides again"
    if today.refused:
        return f"its release rolled it back ({today.refused}), which is final: train another one"
    if found is None and not gates:
        return f"it has no gate report; {again}"
    if found is None:
        return f"its gate was {_other(gates[0].report, version, today)}; {again}"
    if found.report.outcome != "PASSED":
        return f"gate {found.run[:8]} ended {found.report.outcome}"
    return None


def _other(report: GateReport, version: ModelVersion, today: Today) -> str:
    """What the newest gate was about, where it was not about today's champion and data."""
    if report.subject != version.run_id:
        return f"about another run, {report.subject[:8]}"
    champion = today.history.champion
    now = f"version {champion}" if champion else None
    if report.champion != now:
        then = report.champion or "no champion"
        return f"against {then}, and the champion is {now or 'none'} now"
    if not today.data:
        return f"on {report.dataset}, and there is no dataset version here to compare that with"
    return f"on {report.dataset} ({report.data_digest[:12]}), and there is a newer dataset version"


def history(store: Store) -> list[HistoryEntry]:
    """Every entry, oldest first; those without effect say why."""
    return list(histories.read(store).entries)


def champion(store: Store) -> int | None:
    """The version that the history makes champion, or None before the first promotion."""
    return histories.read(store).champion


def promote(
    store: Store,
    version: ModelVersion,
    admission: Admission,
    *,
    actor: str,
    reason: str,
    release: str | None = None,
    seal: Seal | None = None,
) -> HistoryEntry:
    """Make a version the champion that was admitted. `release` is the run of the release that
    decided on it; `seal` signs the entry.

    Raises:
        Conflict: another process was first, or the version is champion already.
        UsageError: the reason is empty.
    """
    found = histories.read(store)
    if found.champion == version.version:
        raise Conflict(f"version {version.version} is the champion already; nothing to do")
    tags = HistoryTags(
        action="promotion",
        seen=found.head if admission.seen is None else admission.seen,
        actor=actor,
        reason=reason,
        release=release,
        gate=admission.gate,
        report=admission.report,
        override=admission.override or None,
    )
    return _append(store, version, tags, seal)


def adopt(
    store: Store, version: ModelVersion, *, actor: str, reason: str, seal: Seal | None = None
) -> HistoryEntry:
    """Begin the history with the champion that its team had before; no gate decided on it.

    Raises:
        Conflict: the history has begun already.
    """
    found = histories.read(store)
    if found.effective:
        raise Conflict(
            f"the history of '{store.name}' has begun already: version {found.champion} is "
            "champion; `fullturn promote` makes another one champion"
        )
    tags = HistoryTags(action="adoption", seen=found.head, actor=actor, reason=reason)
    return _append(store, version, tags, seal)


def rollback_target(store: Store, version: int | None = None, found: History | None = None) -> int:
    """The version to roll back to: the one before the champion, or an earlier champion by number.
    A version that was deleted in MLflow is passed over. `found` is the history, if it was read
    before.

    Raises:
        NotFound: there is no such earlier champion.
        Conflict: it is the champion.
    """
    found = found or histories.read(store)
    earlier = histories.earlier_champions(store, found)
    if version is not None and version == found.champion:
        raise Conflict(f"version {version} is the champion already; nothing to do")
    if version is None and earlier:
        return earlier[-1]
    if version in earlier:
        return int(version)
    if version is None:
        raise NotFound("nothing to roll back to: there is no previous champion")
    known = ", ".join(map(str, dict.fromkeys(earlier))) or "none"
    raise NotFound(
        f"version {version} is not an earlier champion (known: {known}); a version that was rolled "
        "back itself returns with `fullturn promote` or `fullturn release`"
    )


def roll_back(
    store: Store,
    target: ModelVersion,
    *,
    actor: str,
    reason: str,
    found: History | None = None,
    seal: Seal | None = None,
) -> HistoryEntry:
    """Make an earlier champion the champion again; the caller has loaded and probed it. `found` is
    the history that the caller decided on; by default the one now.

    Raises:
        NotFound: it never was champion.
        Conflict: another process was first, or it is the champion.
    """
    found = found or histories.read(store)
    rollback_target(store, target.version, found)
    gate = VersionTags.read(target.tags).gate
    tags = HistoryTags(action="rollback", seen=found.head, actor=actor, reason=reason, gate=gate)
    return _append(store, target, tags, seal)


def sync_alias(store: Store, *, forced: bool = False) -> int | None:
    """Point the alias at the champion of the history, until both agree; returns the champion.

    An alias that somebody else set stays as it is, unless it is `forced`: a promotion or rollback
    was asked for. Neither is it set to a version that was deleted in MLflow, nor by a login that
    may only read.
    """
    while True:
        found, model = histories.read(store), store.registered(store.name)
        current = found.champion
        if current is None or model.aliases.get(CHAMPION_ALIAS) == current:
            return current
        if foreign_alias(found, model) is not None and not forced:
            return current
        if current not in {one.version for one in store.versions(store.name)}:
            return current
        try:
            store.set_alias(store.name, CHAMPION_ALIAS, current)
            store.tag_model(store.name, ModelTags(alias_entry=found.head).write())
        except AccessDenied:
            if forced:
                raise
            return current


def foreign_alias(found: History, model: Registered) -> int | None:
    """The version that the alias points at, if somebody else than fullturn set it; else None.

    It lags behind the history where a process died between the two: then it points at an earlier
    champion, and was not set since the last entry.
    """
    alias = model.aliases.get(CHAMPION_ALIAS)
    if alias is None or alias == found.champion:
        return None
    set_since = (ModelTags.read(model.tags).alias_entry or 0) >= found.head
    lags = not set_since and found.last_of(alias) is not None
    return None if lags else alias


def alias_sentence(store: Store, found: History) -> str:
    """What is said of an alias that somebody else set; empty if nobody did."""
    alias = foreign_alias(found, store.registered(store.name))
    return foreign_sentence(alias, found.champion) if alias is not None else ""


def foreign_sentence(alias: int, champion: int | None) -> str:
    """That the alias is not followed, and the ways on."""
    there = f"the history says version {champion}" if champion else "no version was promoted here"
    return (
        f"alias '{CHAMPION_ALIAS}' was set to version {alias} in MLflow, and {there}: it is not "
        f"followed. `fullturn promote {alias} --reason 'why'` promotes it; [serving] follow_alias "
        "= true serves what the alias says"
    )


def _append(
    store: Store, version: ModelVersion, entry: HistoryTags, seal: Seal | None
) -> HistoryEntry:
    reason = entry.reason or ""
    if not reason.strip():
        raise UsageError(f"a {entry.action} needs a reason: --reason 'why'")
    tags = replace(entry, to=version.version, attempt=uuid4().hex)
    tags = histories.sealed(store, version.run_id, tags, seal)
    text = f"{entry.action} of version {version.version} by {entry.actor}: {reason}"
    log = histories.log_name(store)
    store.register(log, version.source, version.run_id, tags.write(), text)
    mine = {
        one.version
        for one in store.versions(log)
        if HistoryTags.read(one.tags).attempt == tags.attempt
    }
    found = histories.read(store)
    sync_alias(store, forced=True)
    for one in found.effective:
        if one.number in mine:
            return one
    raise Conflict(
        f"another promotion or rollback came first: the champion is {found.champion} now; "
        "look at `fullturn history` and decide again"
    )
