"""The folder of everything that is written locally: the one place that makes it.

It contains keys and what users asked, so it ignores itself in Git from its first moment, whoever
made the project: an empty folder cannot be committed, and the first file in it is the
`.gitignore`.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from uuid import uuid4

from fullturn.core.errors import SettingsError, from_system

IDENTITY = "identity"
"""File with which state folder this is, also after it was moved; a copy of it is another one."""
IGNORED = "*\n"
"""The state's .gitignore."""
_UNUSABLE = re.compile(r"[#?^|\[\]\\\x00-\x1f]|%[0-9A-Fa-f]{2}")
"""deltalake 1.6 and SQLAlchemy 2.1 take a path for a URL: they lose the history, panic, or write
elsewhere."""


def unusable(path: Path) -> str | None:
    """Why MLflow's database and Delta tables cannot be at a path; None if they can.

    A lone `%` is no reason: only before two hexadecimal digits it is taken for an escape.
    """
    found = _UNUSABLE.search("/".join(path.parts[1:]))
    return found and (
        f"{path} contains {found[0]!r}, which a Delta table's path cannot contain; "
        "use a folder without it"
    )


def make(folder: Path) -> Path:
    """Make the state folder if it is missing, with its .gitignore.

    A state that was made without one is given one; where that cannot be written, a folder that was
    there already is read as it is.

    Raises:
        SettingsError: something else has its name, or its path cannot be used.
        CouldNotEvaluate: the folder cannot be made.
    """
    if reason := unusable(folder):
        raise SettingsError(reason)
    made = False
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            made = True
        _ignore(folder)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"{folder} is a file, not a folder; choose another path") from None
    except OSError as error:
        if made or not folder.is_dir():
            raise from_system(error) from None
    return folder


def _ignore(folder: Path) -> None:
    """Write the .gitignore; a person's own is left alone."""
    path = folder / ".gitignore"
    if path.exists():
        return
    draft = folder / f".gitignore.{os.getpid()}"
    try:
        draft.write_text(IGNORED, encoding="utf-8")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def fsync(path: Path) -> None:
    """Wait until the disk has a file's content, or the names in a folder."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def state_id(state: Path) -> str:
    """The identity of a state folder, made if need be.

    Its file names its own inode: that of a moved file stays, and that of a copied one is another,
    so that a copy gets an identity of its own.
    """
    path = state / IDENTITY
    while True:
        try:
            identity, _, inode = path.read_text(encoding="utf-8").partition(" ")
            if inode == str(path.stat().st_ino):
                return identity
            path.unlink()
        except FileNotFoundError:
            _identify(path)


def _identify(path: Path) -> None:
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
