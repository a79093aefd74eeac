"""A crash is no verdict: it ends with its own exit code, one sentence, and a file to send us."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fullturn.core.errors import UsageError
from fullturn.core.redaction import redacted

FAULT = 70
"""Exit code of a fault of fullturn's own: EX_SOFTWARE of sysexits.h."""
FOLDER = "faults"
_LONGEST = 200
_PACKAGES = ("fullturn", "mlflow", "numpy", "scikit-learn", "pyarrow", "httpx")


def report(error: Exception, command: str, state: Path | None = None) -> str:
    """Write a report of a crash, without secrets; returns the sentence that says where it is.

    It goes below the `state` of a project, readable by this account only; without one, or where
    that cannot be written, into the temporary folder.
    """
    lines = traceback.format_exception_only(error)
    what = " ".join(redacted(lines[-1]).split())[:_LONGEST]
    text = redacted(_text(error, command))
    for folder in (state / FOLDER if state else None, Path(tempfile.gettempdir())):
        try:
            path = _written(folder, text) if folder else None
        except OSError:
            continue
        if path is not None:
            return f"{_sentence(what)} The report is in {path}; please send it to us."
    return f"{_sentence(what)} No report could be written: check disk space and permissions."


def state_of(start: Path) -> Path | None:
    """The state folder of the project in `start` or above it; None if there is none."""
    from fullturn.core import settings

    try:
        root = settings.find_root(start.resolve())
        return settings.state_folder(settings.read(root), root)
    except (UsageError, OSError, ValueError):
        return None


def _sentence(what: str) -> str:
    return f"fullturn itself failed, so this says nothing about your model ({what})."


def _text(error: Exception, command: str) -> str:
    head = {
        "command": command,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        **{name: _version(name) for name in _PACKAGES},
    }
    facts = "".join(f"{name}: {value}\n" for name, value in head.items())
    return f"{facts}\n{''.join(traceback.format_exception(error))}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    place, name = tempfile.mkstemp(prefix=f"fullturn-{stamp}-", suffix=".txt", dir=folder)
    with os.fdopen(place, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)


def command_of(words: Sequence[str]) -> str:
    """The command line that a report names."""
    return " ".join(["fullturn", *words])
