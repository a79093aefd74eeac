"""Promotion and rollback as an append-only history with compare-and-set.

MLflow keeps no history of an alias and cannot compare-and-set it, but it numbers the versions
of a registered model atomically. So each promotion or rollback is one more version of the
registered model `<name>-history`, whose tags say who moved the champion where and why, and
which entry was the last that this process had seen. An entry takes effect only if no other came
in between: everybody replays the same entries in the same order, so of two that saw the same head
exactly one takes effect. The alias `champion` is derived from the history; if a process dies
before it sets the alias, the next process does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from fullturn.core.entities import HistoryEntry, ModelVersion
from fullturn.core.errors import Conflict, NotFound, NotGated, UsageError
from fullturn.core.tags import CHAMPION_ALIAS, HistoryTags, VersionTags
from fullturn.store import Store


def history(store: Store) -> list[HistoryEntry]:
    """Every entry, oldest first; those that lost a race are marked as without effect."""
    return _replay(store.versions(_log(store)))[0]


def champion(store: Store) -> int | None:
    """The version that the history makes champion, or None before the first promotion."""
    stack = _replay(store.versions(_log(store)))[1]
    return stack[-1] if stack else None


def promote(
    store: Store,
    version: ModelVersion,
    *,
    actor: str,
    reason: str,
    expected: int | None = None,
    release: str | None = None,
) -> HistoryEntry:
    """Make a gated version the champion.

    `expected` is the number of the last entry that the caller decided on (0 for none);
    by default, the last one now. `release` is the run of the release that decided on it.

    Raises:
        NotGated: the version has no gate report that passed.
        Conflict: another process was first, or the version is champion already.
        UsageError: the reason is empty.
    """
    if VersionTags.read(version.tags).outcome != "PASSED":
        raise NotGated(f"version {version.version} has no gate report that passed; gate it first")
    entries, stack = _replay(store.versions(_log(store)))
    if stack and stack[-1] == version.version:
        raise Conflict(f"version {version.version} is the champion already; nothing to do")
    seen = head(entries) if expected is None else expected
    tags = HistoryTags(action="promotion", seen=seen, actor=actor, reason=reason, release=release)
    return _append(store, version, tags)


def rollback_target(store: Store, version: int | None = None) -> int:
    """The version to roll back to: the one before the champion, or an earlier champion by number.

    Raises:
        NotFound: there is no such earlier champion.
    """
    _, stack = _replay(store.versions(_log(store)))
    earlier = stack[:-1]
    if version is None and earlier:
        return earlier[-1]
    if version in earlier:
        return int(version)
    if version is None:
        raise NotFound("nothing to roll back to: there is no previous champion")
    known = ", ".join(map(str, earlier)) or "none"
    raise NotFound(
        f"version {version} is not an earlier champion (known: {known}); a version that was rolled "
        "back itself returns with `fullturn promote` or `fullturn release`"
    )


def roll_back(store: Store, target: ModelVersion, *, actor: str, reason: str) -> HistoryEntry:
    """Make an earlier champion the champion again; the caller has loaded and probed it.

    Raises:
        NotFound: it never was champion.
        Conflict: another process was first.
    """
    rollback_target(store, target.version)
    seen = head(history(store))
    tags = HistoryTags(action="rollback", seen=seen, actor=actor, reason=reason)
    return _append(store, target, tags)


def sync_alias(store: Store) -> int | None:
    """Point the alias at the champion of the history, until both agree; returns the champion."""
    while True:
        current = champion(store)
        if current is None or store.alias(store.name, CHAMPION_ALIAS) == current:
            return current
        store.set_alias(store.name, CHAMPION_ALIAS, current)


def head(entries: Sequence[HistoryEntry]) -> int:
    """The number of the last entry that took effect; 0 if none did."""
    return max((entry.number for entry in entries if entry.effective), default=0)


def _append(store: Store, version: ModelVersion, entry: HistoryTags) -> HistoryEntry:
    reason = entry.reason or ""
    if not reason.strip():
        raise UsageError(f"a {entry.action} needs a reason: --reason 'why'")
    tags = replace(
        entry,
        to=version.version,
        gate=VersionTags.read(version.tags).gate,
        attempt=uuid4().hex,
    )
    text = f"{entry.action} of version {version.version} by {entry.actor}: {reason}"
    store.register(_log(store), version.source, version.run_id, tags.write(), text)
    stored = store.versions(_log(store))
    mine = {one.version for one in stored if HistoryTags.read(one.tags).attempt == tags.attempt}
    entries, stack = _replay(stored)
    sync_alias(store)
    for one in entries:
        if one.number in mine and one.effective:
            return one
    raise Conflict(
        f"another promotion or rollback came first: the champion is {stack[-1]} now; "
        "look at `fullturn history` and decide again"
    )


def _replay(stored: Sequence[ModelVersion]) -> tuple[list[HistoryEntry], list[int]]:
    entries: list[HistoryEntry] = []
    stack: list[int] = []
    last = 0
    for raw in stored:
        entry = _entry(raw, stack[-1] if stack else None)
        if HistoryTags.read(raw.tags).seen != last:
            entry = replace(entry, effective=False)
        else:
            last = entry.number
            _apply(entry, stack)
        entries.append(entry)
    return entries, stack


def _apply(entry: HistoryEntry, stack: list[int]) -> None:
    if entry.action == "rollback":
        while stack and stack[-1] != entry.version:
            stack.pop()
    if not stack or stack[-1] != entry.version:
        stack.append(entry.version)


def _entry(raw: ModelVersion, previous: int | None) -> HistoryEntry:
    tags = HistoryTags.read(raw.tags)
    return HistoryEntry(
        number=raw.version,
        action="rollback" if tags.action == "rollback" else "promotion",
        version=tags.to or 0,
        previous=previous,
        actor=tags.actor or "unknown",
        reason=tags.reason or "",
        gate=tags.gate or None,
        created=raw.created,
        release=tags.release,
    )


def _log(store: Store) -> str:
    return f"{store.name}-history"
