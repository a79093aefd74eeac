"""What the newest dataset version was made from: the same once more need not be read again.

Only a shortcut: without the file, or with another one, everything is read and checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from fullturn.core import values
from fullturn.core.entities import Contract, DatasetVersion
from fullturn.core.settings import DataSettings


def fingerprint(
    groups: Iterable[Sequence[Path]], contract: Contract, settings: DataSettings
) -> str | None:
    """sha256 over files, by name and content, and all that decides which rows they become.

    None if a file cannot be read.
    """
    code = (*Path(__file__).parent.glob("*.py"), Path(values.__file__))
    total = hashlib.sha256(repr(contract).encode() + settings.model_dump_json().encode())
    try:
        for group in (sorted(code), *groups):
            total.update(b"\0group\0")
            for path in group:
                total.update(f"{path}\0".encode())
                with path.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return None
    return total.hexdigest()


def is_unchanged(record: Path, inputs: str | None, newest: DatasetVersion | None) -> bool:
    """Whether the newest version was made from these inputs."""
    if inputs is None or newest is None:
        return False
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(known == _record(inputs, newest))


def remember(record: Path, inputs: str | None, version: DatasetVersion) -> None:
    """Note what a version was made from; without a note, it is read again the next time."""
    if inputs is not None:
        draft = record.with_suffix(".new")
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(_record(inputs, version)), encoding="utf-8")
            draft.replace(record)


def _record(inputs: str, version: DatasetVersion) -> dict[str, str | int]:
    return {"inputs": inputs, "version": version.version, "digest": version.digest}
