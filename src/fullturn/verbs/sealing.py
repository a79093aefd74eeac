"""How a project signs: its evidence, and the entries of the history."""

from __future__ import annotations

from fullturn.evidence.keys import MachineKey, Signer, machine_key
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
