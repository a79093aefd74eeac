"""List the promotions and rollbacks: who, when, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fullturn.core.entities import HistoryEntry
from fullturn.core.errors import NotFound
from fullturn.core.showing import Block, Table, grid, line, styled, then, view
from fullturn.core.wording import cut, listed
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.store import Store
from fullturn.verbs.parts.sealing import broken_seal, sealed_history
from fullturn.verbs.workspace import Workspace

SEALS = {
    "valid": "yes",
    "unsigned": "no",
    "missing": "MISSING",
    "unknown key": "cannot be checked here",
    "altered": "ALTERED",
    "": "-",
}


class History(Table[HistoryEntry]):
    """Promotions and rollbacks, oldest first."""

    notes: tuple[str, ...] = ()
    """What MLflow has otherwise than the history says, and the ways on."""
    has_earlier: bool = False
    """Whether there is an earlier champion to roll back to."""


def history(project: Workspace) -> History:
    """Every promotion and rollback, oldest first, with actor, reason, gate report and signature.

    The signature shows whether an entry is as it was written. Repairs the alias if a process died
    between writing the history and the alias.
    """
    store = project.store
    promotion.sync_alias(store)
    read = sealed_history(project)
    found = History(read.entries)
    notes = (*map(broken_seal, found), _deleted(read.deleted), _missing(store, read))
    notes += (promotion.alias_sentence(store, read),)
    found.notes = tuple(filter(None, notes))
    found.has_earlier = bool(histories.earlier_champions(store, read))
    return found


def _deleted(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    entries, were = ("entry", "was") if len(numbers) == 1 else ("entries", "were")
    which = listed([str(number) for number in numbers])
    return f"{entries} {which} {were} deleted in MLflow: who did what there, and why, is lost"


def _missing(store: Store, read: histories.History) -> str:
    try:
        if read.champion is not None and read.champion not in read.there:
            versions.version(store, str(read.champion))
    except NotFound as error:
        return str(error)
    return ""


@view.register
def _(result: History) -> Iterator[Block]:
    if not result:
        yield line("no promotions yet")
        yield from map(_note, result.notes)
        yield then("fullturn turn")
        return
    yield grid(
        ("#", "when", "what", "version", "by", "reason", "gate", "signed"),
        (
            (
                str(e.number), e.created[:19].replace("T", " "),
                _what(e), f"{e.previous or '-'} → {e.version or '?'}", e.actor,
                _reason(e), (e.gate or "-")[:8], SEALS[e.seal],
            )
            for e in result
        ),
    )  # fmt: skip
    yield from map(_note, result.notes)
    back = ("fullturn rollback --reason '…'",) if result.has_earlier else ()
    yield then("fullturn lineage VERSION", *back)


def _note(sentence: str) -> Block:
    return line(styled(sentence, "open"))


def _what(entry: HistoryEntry) -> str:
    if not entry.effective:
        return f"{entry.action} (no effect: {entry.problem})"
    return entry.action


def _reason(entry: HistoryEntry) -> str:
    reason = cut(entry.reason, 90)
    return f"{reason} (override: {entry.override})" if entry.override else reason
