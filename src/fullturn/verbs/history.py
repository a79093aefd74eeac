"""List the promotions and rollbacks: who, when, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from fullturn.core.entities import HistoryEntry
from fullturn.core.errors import NotFound
from fullturn.core.showing import Block, Table, grid, line, styled, then, view
from fullturn.core.wording import cut
from fullturn.evidence.keys import is_valid
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.store import Store
from fullturn.verbs.sealing import signer
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
    read = histories.read(store)
    check = partial(is_valid, signer(project))
    seals = histories.seals(store, check)
    found = History(replace(one, seal=seals.get(one.number, "")) for one in read.entries)
    notes = (*map(_broken_seal, found), _missing(store, read.champion))
    notes += (promotion.alias_sentence(store, read),)
    found.notes = tuple(filter(None, notes))
    found.has_earlier = bool(histories.earlier_champions(store))
    return found


def _broken_seal(entry: HistoryEntry) -> str:
    if entry.seal == "missing":
        return (
            f"entry {entry.number} has no signature, although an earlier one has: it was removed "
            "in MLflow, or the entry was written where no key is"
        )
    if entry.seal != "altered":
        return ""
    return (
        f"entry {entry.number} was altered in MLflow after it was written: its actor, reason or "
        "version may be another's"
    )


def _missing(store: Store, champion: int | None) -> str:
    try:
        if champion is not None:
            versions.version(store, str(champion))
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
