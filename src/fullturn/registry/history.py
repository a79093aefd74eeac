"""The history of the champion: an append-only sequence of promotions and rollbacks.

MLflow keeps no history of an alias and cannot compare-and-set it, but it numbers the versions
of a registered model atomically. So each promotion or rollback is one more version of the
registered model `<name>-history`, whose tags say who moved the champion where and why, and
which entry was the last that this process had seen. An entry takes effect only if nothing came
between: everybody replays the same entries in the same order, so of two that saw the same head
exactly one takes effect. What is malformed, or names a version that was never registered, has no
effect either, and its `problem` says why.

An entry states the sha256 of the one that it follows, and is signed by the key of its machine:
whoever edits one in MLflow afterwards changes what the next one states, and breaks the signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

from fullturn.core.entities import Action, HistoryEntry, ModelVersion
from fullturn.core.errors import NotFound
from fullturn.core.redaction import redacted_tags
from fullturn.core.tags import HistoryTags, TrainingTags
from fullturn.store import Store

ACTIONS = ("adoption", "promotion", "rollback")
"""An adoption makes champion what was champion before the history began."""
Problem = Callable[[ModelVersion], str | None]
"""Why an entry that follows the last one is ignored all the same; None if it is not."""


@dataclass(frozen=True)
class History:
    """Every entry, oldest first, and what they make champion."""

    entries: tuple[HistoryEntry, ...] = ()
    champions: tuple[int, ...] = ()
    """The champion, last, and those before it."""
    there: frozenset[int] = frozenset()
    """The versions that were in MLflow when the history was read."""

    @property
    def champion(self) -> int | None:
        """The version that is champion; None before the first promotion."""
        return self.champions[-1] if self.champions else None

    @cached_property
    def effective(self) -> tuple[HistoryEntry, ...]:
        """The entries that took effect."""
        return tuple(entry for entry in self.entries if entry.effective)

    @property
    def deleted(self) -> list[int]:
        """The numbers of entries that somebody deleted in MLflow, up to the newest one there."""
        numbers = {entry.number for entry in self.entries}
        return [one for one in range(1, max(numbers, default=0)) if one not in numbers]

    @property
    def head(self) -> int:
        """The number of the last entry that took effect; 0 if none did."""
        return max((entry.number for entry in self.effective), default=0)

    def last_of(self, version: int) -> HistoryEntry | None:
        """The last entry that made a version champion; None if it never was."""
        found = [entry for entry in self.effective if entry.version == version]
        return found[-1] if found else None


class Seal(Protocol):
    """What signs an entry."""

    @property
    def key(self) -> str:
        """The fingerprint of the public key."""

    def sign(self, content: bytes) -> str:
        """The signature, as text."""


CheckSignature = Callable[[str, bytes, str], bool | None]
"""Whether a signature is valid, from key, content and signature; None if the key is unknown."""
Sealed = Literal["valid", "unsigned", "missing", "unknown key", "altered"]


def content(run: str, tags: HistoryTags) -> bytes:
    """What is signed of an entry: all that says who made which version champion, and why."""
    written = replace(tags, signature=None).write()
    return json.dumps({"run": run, **written}, sort_keys=True).encode()


def digest(run: str, tags: HistoryTags) -> str:
    """The sha256 of an entry's content."""
    return hashlib.sha256(content(run, tags)).hexdigest()


def sealed(store: Store, run: str, entry: HistoryTags, seal: Seal | None) -> HistoryTags:
    """An entry, made to follow the one that it has seen, and signed."""
    stored = {one.version: one for one in store.versions(log_name(store))}
    before = stored.get(entry.seen or 0)
    follows = digest(before.run_id, HistoryTags.read(before.tags)) if before else None
    # What the store will mask is masked first: the signature is of what is stored.
    masked = HistoryTags.read(redacted_tags(entry.write()))
    chained = replace(masked, follows=follows, key_=seal.key if seal else None)
    return replace(chained, signature=seal.sign(content(run, chained))) if seal else chained


def seals(store: Store, check: CheckSignature) -> dict[int, Sealed]:
    """By number, whether each entry is as it was written."""
    return check_seals(log(store), check)


def check_seals(stored: Sequence[ModelVersion], check: CheckSignature) -> dict[int, Sealed]:
    """By number, whether each entry is as it was written.

    It was altered if its own signature is broken, or if a later entry, which was not altered
    itself, states another digest of it; if its own signature is valid and that of the later entry
    is not, the later one was altered. Its signature is missing if it has none, and an earlier entry
    has.
    """
    tags = {raw.version: HistoryTags.read(raw.tags) for raw in stored}
    found = {raw.version: _signed(raw.run_id, tags[raw.version], check) for raw in stored}
    digests = {raw.version: digest(raw.run_id, tags[raw.version]) for raw in stored}
    for number in sorted(tags, reverse=True):  # what is shown to be altered says nothing itself
        seen, follows = tags[number].seen or 0, tags[number].follows
        if found[number] == "altered" or follows in (None, digests.get(seen)):
            continue
        if seen in found:
            is_innocent = found[seen] == "valid" and found[number] != "valid"
            found[number if is_innocent else seen] = "altered"
    signed = [number for number, tag in tags.items() if tag.signature]
    for number, seal in found.items():
        if seal == "unsigned" and signed and number > signed[0]:
            found[number] = "missing"
    return found


def _signed(run: str, tags: HistoryTags, check: CheckSignature) -> Sealed:
    if not tags.signature or not tags.key_:
        return "unsigned"
    valid = check(tags.key_, content(run, tags), tags.signature)
    return "unknown key" if valid is None else "valid" if valid else "altered"


def log(store: Store) -> Sequence[ModelVersion]:
    """The entries as they are stored, oldest first."""
    return store.versions(log_name(store))


def read(
    store: Store,
    deleted: set[tuple[str, str]] | None = None,
    stored: Sequence[ModelVersion] | None = None,
) -> History:
    """The history as it is now; with `stored`, of entries that were read before (`log`).

    Whoever reads again and again gives the same set each time: the run and the source of versions
    that were deleted are remembered in it, so that each of their runs is asked for once.
    """
    stored = log(store) if stored is None else stored
    if not stored:
        return History()
    known = {one.version: one.run_id for one in store.versions(store.name)}

    def problem(raw: ModelVersion) -> str | None:
        return _problem(raw, known, lambda: _was_registered(store, raw, deleted))

    return replace(replay(stored, problem), there=frozenset(known))


def earlier_champions(store: Store, found: History | None = None) -> list[int]:
    """The versions that a rollback leads back to, oldest first: the last one is next. Not the
    champion itself, and none that was deleted. `found` is the history, if it was read before."""
    found = found or read(store)
    earlier = found.champions[:-1]
    return [one for one in earlier if one in found.there and one != found.champion]


def log_name(store: Store) -> str:
    """The registered model whose versions are the entries."""
    return f"{store.name}-history"


def replay(stored: Sequence[ModelVersion], problem: Problem = lambda raw: None) -> History:
    """What numbered entries, in their order, say together.

    An entry that followed one which is no longer there was written by somebody who saw that one
    take effect: it counts, and so does what was built on it.
    """
    entries: list[HistoryEntry] = []
    stack: list[int] = []
    numbers = {raw.version for raw in stored}
    last = 0
    for raw in stored:
        entry = _entry(raw, stack[-1] if stack else None)
        seen = HistoryTags.read(raw.tags).seen
        follows = seen == last or (
            seen is not None and last < seen < raw.version and seen not in numbers
        )
        why = problem(raw) if follows or seen is None else None
        if why is not None or not follows:
            entry = replace(entry, effective=False, problem=why or "another was first")
        else:
            last = entry.number
            _apply(entry, stack)
        entries.append(entry)
    return History(tuple(entries), tuple(stack))


def _apply(entry: HistoryEntry, stack: list[int]) -> None:
    if entry.action == "rollback":
        while stack and stack[-1] != entry.version:
            stack.pop()
    if not stack or stack[-1] != entry.version:
        stack.append(entry.version)


def _entry(raw: ModelVersion, previous: int | None) -> HistoryEntry:
    tags = HistoryTags.read(raw.tags)
    actions: dict[str | None, Action] = {"rollback": "rollback", "adoption": "adoption"}
    return HistoryEntry(
        number=raw.version,
        action=actions.get(tags.action, "promotion"),
        version=tags.to or 0,
        previous=previous,
        actor=tags.actor or "unknown",
        reason=tags.reason or "",
        gate=tags.gate or None,
        created=raw.created,
        release=tags.release,
        run=raw.run_id,
        override=tags.override or "",
    )


def _problem(
    raw: ModelVersion, known: dict[int, str], was_registered: Callable[[], bool]
) -> str | None:
    tags = HistoryTags.read(raw.tags)
    if tags.action not in ACTIONS:
        return f"it has no action that is known: {tags.action!r}"
    if tags.to is None or tags.to < 1:
        return f"it names no version: {raw.tags.get(HistoryTags.key('to'))!r}"
    if tags.seen is None:
        return "it does not say which entry it follows"
    if tags.to in known:
        return None if known[tags.to] == raw.run_id else f"version {tags.to} is of another run"
    return None if was_registered() else f"there never was a version {tags.to}"


def _was_registered(store: Store, raw: ModelVersion, deleted: set[tuple[str, str]] | None) -> bool:
    """Whether an entry names a version that was deleted since: it repeats where that had its files
    and which run made it."""
    version = raw.run_id, raw.source
    if deleted and version in deleted:
        return True
    try:
        run = store.run(raw.run_id)
    except NotFound:
        return False
    if TrainingTags.read(run.tags).model != raw.source:
        return False
    if deleted is not None:
        deleted.add(version)
    return True
