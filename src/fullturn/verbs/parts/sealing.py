"""How a project signs: its evidence, and the entries of the history."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fullturn.core.entities import HistoryEntry
from fullturn.evidence.keys import MachineKey, Signer, is_valid, machine_key
from fullturn.registry import history as histories
from fullturn.registry.history import History
from fullturn.verbs.workspace import Workspace


def signer(project: Workspace) -> Signer:
    """The project's signer."""
    return Signer(project.settings.signing, project.root, project.state)


def seal(project: Workspace) -> MachineKey | None:
    """What signs entries of the history; None for method "none".

    Raises:
        SettingsError: the key cannot be read, or is no such key.
    """
    return machine_key(signer(project))


def sealed_history(project: Workspace) -> History:
    """The history; each entry says whether it is as it was written."""
    stored = histories.log(project.store)
    seals = histories.check_seals(stored, partial(is_valid, signer(project)))
    found = histories.read(project.store, stored=stored)
    entries = (replace(one, seal=seals[one.number]) for one in found.entries)
    return replace(found, entries=tuple(entries))


def broken_seal(entry: HistoryEntry) -> str:
    """That an entry was altered, or lacks its signature; empty if neither is known."""
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
