"""The deck as files: a folder that opens from disk."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

from fullturn.core.errors import UsageError
from fullturn.lesson.deck import PAGE, Deck
from fullturn.lesson.reveal import NEEDED, reveal

INDEX = "index.html"
_PANELS = Path(str(files("fullturn.lesson"))) / "panels" / "static"


def save(deck: Deck, folder: Path) -> Path:
    """Write the deck and all that it loads into a folder; returns its page.

    A former copy is replaced.

    Raises:
        UsageError: the folder holds something else, or cannot be written.
    """
    page = deck.page()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not _ours(folder)):
        raise UsageError(f"{folder} holds something that is no copy of the deck; name another")
    try:
        for name in NEEDED:
            _copy(reveal() / name, folder / "reveal" / name)
        for path in PAGE.glob("deck.*s"):
            _copy(path, folder / "deck" / path.name)
        for path in _PANELS.glob("*.*s"):
            _copy(path, folder / "panels" / "static" / path.name)
        (folder / INDEX).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    return folder / INDEX


def _ours(folder: Path) -> bool:
    return (folder / INDEX).is_file() and (folder / "reveal" / "dist").is_dir()


def _copy(of: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if of.is_dir():
        shutil.copytree(of, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(of, to)
