"""Files of a Delta table on this machine: that they survive a power loss, and are all there.

deltalake does not wait for the disk. After a power loss a commit may be an empty file, which it
passes over: the rows of that commit would be gone without a word.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fullturn.core.state import fsync

LOG = "_delta_log"


_FILES = 8
"""More than one commit adds, its folders included."""


def has_room(path: Path, size: int) -> bool:
    """Whether the disk has space for `size` bytes and the files of a commit.

    Asked early: deltalake prints a panic of its own when the disk fills under it.
    """
    folder = next(one for one in (path, *path.parents) if one.exists())
    disk = os.statvfs(folder)
    files = not disk.f_files or disk.f_favail >= _FILES
    return files and disk.f_bavail * disk.f_frsize >= size


def commit_file(table: Path, version: int) -> Path:
    """The file of one version's commit."""
    return table / LOG / f"{version:020d}.json"


def empty_commit(table: Path) -> Path | None:
    """The newest commit, if that is an empty file."""
    try:
        with os.scandir(table / LOG) as entries:
            newest = max((e.path for e in entries if e.name.endswith(".json")), default=None)
    except OSError:
        return None
    return Path(newest) if newest and os.path.getsize(newest) == 0 else None  # noqa: PTH202


def sync(table: Path, versions: Iterable[int]) -> None:
    """Wait until these commits, and the files that they add, are on the disk.

    Raises:
        OSError: a file is missing or cannot be written.
    """
    for version in versions:
        path = commit_file(table, version)
        for line in path.read_bytes().splitlines():
            added = json.loads(line).get("add")
            if added:
                fsync(table / added["path"])
        fsync(path)
    fsync(table)
    fsync(table / LOG)


def damaged(table: Path, actions: Any) -> str | None:
    """What is wrong with the first file of a table that is missing or has another size.

    `actions` are those of `DeltaTable.get_add_actions(flatten=True)`.
    """
    names, sizes = (actions.column(name).to_pylist() for name in ("path", "size_bytes"))
    for name, size in zip(names, sizes, strict=True):
        path = table / name
        try:
            found = path.stat().st_size
        except OSError as error:
            return f"{path}: {error.strerror}"
        if found != size:
            return f"{path} has {found} bytes, not {size}"
    return None
