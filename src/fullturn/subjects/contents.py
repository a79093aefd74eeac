"""The files of a model's folder: what is there by name, and what may not be there at all.

Only regular files can be sealed. What blocks whoever reads it (a FIFO, a socket, a device) and what
leads somewhere else (a link out of the folder, a link to a folder) is named and never read.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullturn.core.errors import BundleError
from fullturn.core.parsing import from_json

META = "registered_model_meta"
"""What MLflow adds to the folder of a model that it fetches by name and version."""
_LONGEST_META = 4096
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a folder and in the folders below it."""

    files: Mapping[str, Path]
    """Regular files by their name from the folder on, such as `bundle/model.json`."""
    refused: tuple[str, ...]
    """What is neither a regular file nor a folder, a sentence each."""


def contents(folder: Path, without: frozenset[str] = frozenset()) -> Contents:
    """The files of a folder, but for those at its top that are named in `without`, and MLflow's."""
    root, files, refused = folder.resolve(), {}, []
    for place, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(place, name)
            why = _refused(path, root)
            key = path.relative_to(root).as_posix()
            if why is not None:
                refused.append(f"'{key}' {why}")
            elif path.is_file() and key not in without and not _is_meta(key, path):
                files[key] = path
    return Contents(dict(sorted(files.items())), tuple(sorted(refused)))


def listing(folder: Path, without: frozenset[str] = frozenset()) -> dict[str, dict[str, Any]]:
    """The `contents` of a folder by name, with sha256 and size.

    Raises:
        BundleError: there is something that is no file, or a link that leads out of the folder.
    """
    found = contents(folder, without)
    if found.refused:
        raise BundleError(f"{found.refused[0]}: a model has regular files only; write it as one")
    return {
        name: {"sha256": _sha256(path), "bytes": path.stat().st_size}
        for name, path in found.files.items()
    }


def differences(
    folder: Path, entries: Mapping[str, Any], without: frozenset[str] = frozenset()
) -> list[str]:
    """What is missing, unexpected, changed or no file against a `listing`, a sentence each."""
    found = contents(folder, without)
    present = found.files
    shared = sorted(entries.keys() & present.keys())
    return [
        *found.refused,
        *(f"'{name}' is missing" for name in sorted(entries.keys() - present.keys())),
        *(f"'{name}' is not in the manifest" for name in sorted(present.keys() - entries.keys())),
        *(
            f"'{name}' was changed"
            for name in shared
            if _sha256(present[name]) != entries[name]["sha256"]
        ),
    ]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of a bundle: equal contents are equal files."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """What `write_json` wrote, for the block that reads it.

    Raises:
        BundleError: it is missing or damaged, or the block fails on it.
    """
    try:
        yield from_json(path.read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(f"{path} cannot be read: {error}; gate it again") from None


def _refused(path: Path, root: Path) -> str | None:
    kind = stat.S_IFMT(path.lstat().st_mode)
    if kind in _KINDS:
        return f"is {_KINDS[kind]}, not a file"
    if kind != stat.S_IFLNK:
        return None
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere"
    if not target.is_relative_to(root):
        return "is a link that leads out of the folder"
    return None if stat.S_ISREG(target.stat().st_mode) else "is a link to something that is no file"


def _is_meta(key: str, path: Path) -> bool:
    """Whether it is MLflow's note, and not a file that only has its name."""
    if key != META or path.stat().st_size > _LONGEST_META:
        return False
    return path.read_bytes().startswith(b"model_name:")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
