"""A team's own command, run in a process group of its own: its output, its end, and its errors.

Nothing of it is left running: not after its end, nor after a timeout or Ctrl-C.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from fullturn.core.errors import AppError, SettingsError
from fullturn.core.redaction import redacted
from fullturn.core.wording import listed
from fullturn.store.journaling import PARENT

_output = logging.getLogger("fullturn.train")
"""Gets every line of the command's output, as INFO."""
LAST_LINES = 12
_LONGEST_LINE = 2**16
_LONGEST_FILE = 2**23
"""Bytes of the output that are stored."""
_GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL."""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.-]*)\}")
_PYTHON = re.compile(r"python[\d.]*")


def words_of(command: str, values: Mapping[str, str], python: Path | None) -> list[str]:
    """The words of a command with its `{NAME}` replaced; a `python` at its beginning is `python`,
    or the one that runs fullturn.

    Raises:
        SettingsError: a name is unknown, or a quote is not closed.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] == "test":
            raise SettingsError(
                "[train] command names {test}: no training gets the test rows, which are for the "
                "gate; {train} and {validation} are the files that it may read"
            )
        if found[1] not in values:
            raise SettingsError(
                f"[train] command names {{{found[1]}}}, which is no parameter; known are "
                f"{listed([f'{{{name}}}' for name in values])}. See [train.params]"
            )
        return values[found[1]]

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"[train] command = {command!r}: {error}") from None
    if not words:
        raise SettingsError("[train] command is empty: name one, such as 'python train.py'")
    if _PYTHON.fullmatch(words[0]):
        words[0] = str(python or sys.executable)
    return [_PLACEHOLDER.sub(value, word) for word in words]


def run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float, output: Path
) -> None:
    """Run a command to its end; its output goes to the log, and its last part into a file.

    Raises:
        SettingsError: there is no such program.
        AppError: it failed, or did not end in time; with its last lines.
    """
    here, there = os.pipe()
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**environment, PARENT: str(here)},
            pass_fds=(here,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        os.close(there)
        raise SettingsError(
            f"[train] command: '{words[0]}' cannot be started: {error.strerror or error}"
        ) from None
    finally:
        os.close(here)
    assert process.stdout is not None
    last: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=_read, args=(process.stdout, output, last), daemon=True)
    reader.start()
    in_time = False
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
            in_time = True
    finally:
        _stop(process)
        os.close(there)
        reader.join(timeout=_GRACE)
    said = "".join(f"\n  {line}" for line in last) or " (no output)"
    if not in_time:
        raise AppError(
            f"[train] command did not end within {timeout:g} s and was stopped; raise "
            f"[train] timeout if it needs longer. Its last lines:{said}"
        )
    if process.returncode:
        raise AppError(f"[train] command {_end(process.returncode)}. Its last lines:{said}")


def _end(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _read(pipe: IO[bytes], output: Path, last: deque[str]) -> None:
    """Take every line at once, so that the command never waits for a reader."""
    with pipe, output.open("w", encoding="utf-8") as file:
        for raw in iter(lambda: pipe.readline(_LONGEST_LINE), b""):
            line = redacted(raw.decode(errors="replace").rstrip())
            _output.info("%s", line)
            if line:
                last.append(line[:400])
            if file.tell() < _LONGEST_FILE:
                file.write(line + "\n")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
