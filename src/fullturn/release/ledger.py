"""Which release is under way and how each was decided: an append-only sequence.

MLflow cannot compare-and-set the tags of a run, but it numbers the versions of a registered model
atomically. So each release that begins, and each decision to end one, is one more version of the
registered model `<name>-releases`; every process replays the same entries in the same order. A
release begins only if no other is under way. Of two decisions on one release the first counts, on
whatever machine it was made; a later one takes effect only if it names the one that it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from fullturn.core.entities import Outcome
from fullturn.core.tags import ReleaseEntryTags
from fullturn.store import Store

Ending = Literal["promote", "roll back"]
BEGIN, END = "begin", "end"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision to end a release."""

    ending: Ending
    outcome: Outcome
    reason: str
    actor: str
    number: int = 0
    """Number of its entry."""


@dataclass(slots=True)
class Ledger:
    """The state that follows from the entries."""

    under_way: str | None = None
    """Run of the release that has begun and is not decided."""
    begun: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    """Runs of releases that began while another was under way: they never count."""
    decisions: dict[str, Decided] = field(default_factory=dict)
    """By run, the decision that counts."""


def read(store: Store) -> Ledger:
    """The ledger as it is now."""
    entries = store.versions(_name(store))
    return replay((one.version, ReleaseEntryTags.read(one.tags)) for one in entries)


def begin(store: Store, run: str) -> Ledger:
    """Append the begin of a release; the ledger says whether it counts."""
    _append(store, run, ReleaseEntryTags(event=BEGIN), "begins")
    return read(store)


def end(store: Store, run: str, decided: Decided, replaces: int = 0) -> Ledger:
    """Append a decision; the ledger says which one counts. `replaces` is the number of another."""
    entry = ReleaseEntryTags(
        event=END,
        seen=replaces,
        ending=decided.ending,
        outcome=decided.outcome,
        reason=decided.reason,
        actor=decided.actor,
    )
    _append(store, run, entry, f"{decided.ending}: {decided.reason}")
    return read(store)


def replay(entries: Iterable[tuple[int, ReleaseEntryTags]]) -> Ledger:
    """The state that follows from numbered entries, in their order."""
    ledger = Ledger()
    for number, entry in entries:
        if entry.release is None:
            continue
        if entry.event == BEGIN:
            _begin(ledger, entry.release)
        elif entry.event == END and entry.ending is not None:
            _end(ledger, entry.release, number, entry)
    return ledger


def _begin(ledger: Ledger, run: str) -> None:
    if run in ledger.begun or run in ledger.rejected:
        return
    if ledger.under_way is not None:
        ledger.rejected.add(run)
        return
    ledger.begun.add(run)
    if run not in ledger.decisions:
        ledger.under_way = run


def _end(ledger: Ledger, run: str, number: int, entry: ReleaseEntryTags) -> None:
    before = ledger.decisions.get(run)
    if (entry.seen or 0) != (before.number if before else 0):
        return
    ledger.decisions[run] = Decided(
        ending=cast(Ending, entry.ending),
        outcome=cast(Outcome, entry.outcome or "INCONCLUSIVE"),
        reason=entry.reason or "",
        actor=entry.actor or "unknown",
        number=number,
    )
    if ledger.under_way == run:
        ledger.under_way = None


def _append(store: Store, run: str, entry: ReleaseEntryTags, text: str) -> None:
    tags = {**entry.write(), **ReleaseEntryTags(release=run).write()}
    store.register(_name(store), f"runs:/{run}/release", run, tags, f"release {run[:8]} {text}")


def _name(store: Store) -> str:
    return f"{store.name}-releases"
