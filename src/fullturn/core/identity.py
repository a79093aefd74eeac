"""Which state folder this is, also after it was moved; a copy of it is another one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from uuid import uuid4

FILE = "identity"


def state_id(state: Path) -> str:
    """The identity of a state folder, made if need be.

    Its file names its own inode: that of a moved file stays, and that of a copied one is another,
    so that a copy gets an identity of its own.
    """
    path = state / FILE
    while True:
        try:
            identity, _, inode = path.read_text(encoding="utf-8").partition(" ")
            if inode == str(path.stat().st_ino):
                return identity
            path.unlink()
        except FileNotFoundError:
            _write(path)


def _write(path: Path) -> None:
    """Put a new identity in its place, unless another process was first."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".identity-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{uuid4().hex} {os.fstat(descriptor).st_ino}")
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
