"""What a project's requirements.txt must say to install the same fullturn as here.

How it was installed decides: from an index, a Git address, a wheel, or a checkout.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fullturn.core.installation import PACKAGE, from_git, origin
from fullturn.core.redaction import redacted

WHEELS = "wheels"
"""Folder of a project with a copy of the wheel that fullturn was installed from."""
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "assistant": ("assistant", "llm"),
    "prompt": ("llm", "prompt"),
}
"""Extras that an app needs."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A line of requirements.txt, a file that it needs beside it, and what to know about it."""

    line: str
    wheel: Path | None = None
    note: str = ""


def requirement(app: str, signs: bool = True) -> Requirement:
    """The requirement of a project with this app, which signs its evidence or not."""
    extras = (*EXTRAS.get(app, ()), *(("signing",) if signs else ()))
    named = f"[{','.join(extras)}]" if extras else ""
    return _of(origin(), f"{PACKAGE}{named}", version(PACKAGE))


def _of(direct: Mapping[str, Any], name: str, number: str) -> Requirement:
    if line := from_git(name, direct):
        return Requirement(line)
    url = redacted(str(direct.get("url", "")))
    if "dir_info" in direct:
        return _of_checkout(name, _path(url), url)
    if not url:
        return Requirement(f"{name}=={number}")
    path = _path(url)
    if path is None:
        digest = (direct.get("archive_info") or {}).get("hashes", {}).get("sha256")
        return Requirement(f"{name} @ {url}" + (f"#sha256={digest}" if digest else ""))
    if path.is_file():
        extras = name.removeprefix(PACKAGE)
        return Requirement(f"./{WHEELS}/{path.name}{extras}", path)
    return Requirement(
        f"{name}=={number}",
        note=f"fullturn was installed from {path}, which is gone: put the wheel into {WHEELS}/ and "
        f"name it, ./{WHEELS}/{path.name}, or name an index or a Git address",
    )


def _of_checkout(name: str, folder: Path | None, url: str) -> Requirement:
    """A checkout: its commit at the remote, if it has one; else its folder on this machine."""
    remote, commit = (_git(folder, *words) for words in (
        ("remote", "get-url", "origin"), ("rev-parse", "HEAD")))  # fmt: skip
    if commit and remote.startswith(("https://", "ssh://")):
        return Requirement(
            f"{name} @ git+{redacted(remote)}@{commit}",
            note="fullturn was installed from a checkout: push this commit, or name another",
        )
    return Requirement(
        f"{name} @ {url}",
        note="fullturn was installed from a checkout on this machine, which a CI runner does not "
        "have: name an index, a Git address, or a wheel in this project",
    )


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _git(folder: Path | None, *words: str) -> str:
    if folder is None:
        return ""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()
