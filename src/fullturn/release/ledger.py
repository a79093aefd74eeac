"""Which release is under way and how each was decided: an append-only sequence.

MLflow cannot compare-and-set the tags of a run, but it numbers the versions of a registered model
atomically. So each release that begins, each process that takes control of one, and each decision
to end one, is one more version of the registered model `<name>-releases`; every process replays the
same entries in the same order. A release begins only if no other is under way. Of two decisions on
one release the first counts, on whatever machine it was made; a later one takes effect only if it
names the one that it replaces. It is the same with controllers, and a decision by evidence counts
only if the controller that made it is the present one: two machines never decide side by side, each
by its own log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Literal, cast

from fullturn.core.entities import Outcome
from fullturn.core.parsing import from_json
from fullturn.core.tags import ReleaseEntryTags
from fullturn.store import Store

Ending = Literal["promote", "roll back"]
BEGIN, CONTROL, END = "begin", "control", "end"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that controls a release."""

    host: str
    pid: int
    started: str
    """With the two above: enough to tell, on that machine, whether it still runs."""
    state: str
    """The folder of the project's local state."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.state})"


@dataclass(frozen=True, slots=True)
class Control:
    """Who controls a release, and since which entry."""

    number: int
    process: Process


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision to end a release."""

    ending: Ending
    outcome: Outcome
    reason: str
    actor: str
    number: int = 0
    """Number of its entry."""
    control: int | None = None
    """Of a decision by evidence, the entry of its controller."""


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
    controls: dict[str, Control] = field(default_factory=dict)
    """By run, the controller that counts."""


def read(store: Store) -> Ledger:
    """The ledger as it is now."""
    entries = store.versions(_name(store))
    return replay((one.version, ReleaseEntryTags.read(one.tags)) for one in entries)


def begin(store: Store, run: str) -> Ledger:
    """Append the begin of a release; the ledger says whether it counts."""
    _append(store, run, ReleaseEntryTags(event=BEGIN), "begins")
    return read(store)


def take(store: Store, run: str, process: Process, replaces: int = 0) -> tuple[Ledger, str]:
    """Append that a process takes control; the ledger says who has it. `replaces` is the number of
    the controller before. Also returns when the tracking server got the entry; ISO 8601, UTC."""
    named = json.dumps(asdict(process))
    entry = ReleaseEntryTags(event=CONTROL, seen=replaces, controller=named)
    created = _append(store, run, entry, f"is controlled by {process}")
    return read(store), created


def end(store: Store, run: str, decided: Decided, replaces: int = 0) -> Ledger:
    """Append a decision; the ledger says which one counts. `replaces` is the number of another."""
    entry = ReleaseEntryTags(
        event=END,
        seen=replaces,
        ending=decided.ending,
        outcome=decided.outcome,
        reason=decided.reason,
        actor=decided.actor,
        control=decided.control,
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
        elif entry.event == CONTROL:
            _take(ledger, entry.release, number, entry)
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


def _take(ledger: Ledger, run: str, number: int, entry: ReleaseEntryTags) -> None:
    before = ledger.controls.get(run)
    if (entry.seen or 0) != (before.number if before else 0):
        return
    try:
        process = Process(**from_json(entry.controller or ""))
    except (ValueError, TypeError):
        return
    ledger.controls[run] = Control(number, process)


def _end(ledger: Ledger, run: str, number: int, entry: ReleaseEntryTags) -> None:
    before, control = ledger.decisions.get(run), ledger.controls.get(run)
    if (entry.seen or 0) != (before.number if before else 0):
        return
    if entry.control is not None and entry.control != (control.number if control else 0):
        return
    ledger.decisions[run] = Decided(
        ending=cast(Ending, entry.ending),
        outcome=cast(Outcome, entry.outcome or "INCONCLUSIVE"),
        reason=entry.reason or "",
        actor=entry.actor or "unknown",
        number=number,
        control=entry.control,
    )
    if ledger.under_way == run:
        ledger.under_way = None


def _append(store: Store, run: str, entry: ReleaseEntryTags, text: str) -> str:
    """Append an entry; returns when the tracking server got it."""
    tags = {**entry.write(), **ReleaseEntryTags(release=run).write()}
    text = f"release {run[:8]} {text}"
    return store.register(_name(store), f"runs:/{run}/release", run, tags, text).created


def _name(store: Store) -> str:
    return f"{store.name}-releases"
