"""Artifacts in a folder of this machine."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fullturn.core.errors import NotFound
from fullturn.store.reading import Unsure


def download_folder() -> Path:
    """A new folder for a download: it is removed when this process ends."""
    return Path(tempfile.mkdtemp(dir=_downloads(os.getpid())))


@cache
def _downloads(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fullturn-"))

    def remove() -> None:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def folder_of(address: str | None) -> Path:
    """The folder that an artifact address names.

    Raises:
        Unsure: it names none on this machine.
    """
    parts = urlsplit(address or "")
    if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment:
        raise Unsure(f"no folder: {address}")
    return Path(url2pathname(parts.path))


def existing(folder: Path) -> Path:
    """The folder, if it exists.

    Raises:
        Unsure: it does not.
    """
    if not folder.is_dir():
        raise Unsure(f"no folder: {folder}")
    return folder


def relative(name: str) -> PurePosixPath:
    """The name of an artifact as a path inside its root.

    Raises:
        Unsure: it leads outside, or is not in its shortest form.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or not path.parts:
        raise Unsure(name)
    return path


def fetch(root: Path, run_id: str, name: str, into: Path | None) -> Path:
    """The path of an artifact below `root`; of a copy in the folder `into`, if one is named.

    As in MLflow, a file is placed directly in that folder, and a folder under its whole name.

    Raises:
        NotFound: there is no such artifact.
        Unsure: the copy failed.
    """
    path = root / relative(name)
    if not path.exists():
        raise no_artifact(run_id, name)
    if into is None:
        return path.absolute()
    copy = into.absolute() / (name if path.is_dir() else path.name)
    try:
        if not into.is_dir():
            raise Unsure(f"no folder {into}")
        if path.is_dir():
            shutil.copytree(path, copy, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, copy)
    except OSError as error:
        raise Unsure(str(error)) from error
    return copy


def no_artifact(run_id: str, name: str) -> NotFound:
    """The error for an artifact that a run does not have."""
    return NotFound(f"run {run_id} has no artifact '{name}'; was it interrupted?")
