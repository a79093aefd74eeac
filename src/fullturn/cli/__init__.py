"""argv → one call → rendered answer and exit code. Nothing else prints."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from fullturn.cli.commands import cli
from fullturn.cli.output import say_error
from fullturn.core.errors import (
    CouldNotEvaluate,
    FullturnError,
    Inconclusive,
    Refused,
    UsageError,
)
from fullturn.pipeline.steps import STEPS_FILE

EXIT_CODES: tuple[tuple[type[FullturnError], int], ...] = (
    (UsageError, 2),
    (Refused, 1),
    (Inconclusive, 3),
    (CouldNotEvaluate, 4),
)
"""The one place where errors become exit codes."""
INTERRUPTED = (
    "interrupted; an open run is marked KILLED, and an active release continues with the next "
    "`fullturn turn`"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code, see `EXIT_CODES`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command; returns its exit code, and records it for a pipeline."""
    began = time.monotonic()
    code, message = _ended(words)
    if message:
        say_error(message, code, as_json="--json" in words)
    if path := os.environ.get(STEPS_FILE):
        _append(Path(path), words, code, message, time.monotonic() - began)
    return code


def _ended(words: list[str]) -> tuple[int, str]:
    """Exit code and error of a command."""
    try:
        return int(cli.main(words, prog_name="fullturn", standalone_mode=False) or 0), ""
    except FullturnError as error:
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind)), str(error)
    except click.ClickException as error:
        return 2, error.format_message()
    except (click.Abort, KeyboardInterrupt):
        return 130, INTERRUPTED
    except BrokenPipeError:  # the reader has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0, ""
    except OSError as error:
        return 4, _system(error)


def _append(path: Path, words: list[str], code: int, message: str, seconds: float) -> None:
    """A line for the pipeline's report: the command without its folder, and its result."""
    start = 2 if words[:1] == ["-C"] else 0
    command = " ".join(word for word in words[start:] if word != "--json")
    line = {"command": command, "exit_code": code, "reason": message, "seconds": seconds}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _system(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}; check disk space and permissions, then try again"
