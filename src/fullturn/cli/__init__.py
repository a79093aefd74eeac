"""argv → one call → rendered answer and exit code. Nothing else prints."""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from fullturn.cli.commands import cli
from fullturn.cli.output import say_error
from fullturn.core import faults
from fullturn.core.errors import FullturnError, exit_code, from_system
from fullturn.core.faults import FAULT
from fullturn.pipeline.steps import STEPS_FILE, note_end

INTERRUPTED = (
    "interrupted; an open run is marked KILLED, and an active release continues with the next "
    "`fullturn turn`"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code, see `EXIT_CODES`."""
    # What MLflow's own lines call that is out of date helps nobody here, whatever is asked for.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mlflow\.")
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command; returns its exit code, and records it for a pipeline."""
    # Rows by the hundred thousand: the collector's usual thresholds cost a tenth of a command.
    gc.set_threshold(50_000, 20, 100)
    began = time.monotonic()
    code, message = _ended(words)
    if message:
        say_error(message, code, as_json="--json" in words)
    if path := os.environ.get(STEPS_FILE):
        start = 2 if words[:1] == ["-C"] else 0
        command = " ".join(word for word in words[start:] if word != "--json")
        note_end(Path(path), command, code, message, time.monotonic() - began)
    return code


def _with_help(error: click.ClickException) -> str:
    """A usage error's message; if it names no next step, with the command that shows the help."""
    said, where = error.format_message(), getattr(error, "ctx", None)
    if where is None or not said.endswith("."):
        return said
    return f"{said.removesuffix('.')}; see `{where.command_path} --help`"


def _ended(words: list[str]) -> tuple[int, str]:
    """Exit code and error of a command."""
    try:
        return int(cli.main(words, prog_name="fullturn", standalone_mode=False) or 0), ""
    except FullturnError as error:
        return exit_code(error), str(error)
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command
        click.echo(error.format_message(), err=True)
        return 2, ""
    except click.ClickException as error:
        return 2, _with_help(error)
    except (click.Abort, KeyboardInterrupt):
        return 130, INTERRUPTED
    except BrokenPipeError:  # the reader has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0, ""
    except OSError as error:
        return exit_code(from_system(error)), str(from_system(error))
    except Exception as error:  # noqa: BLE001  a crash is no verdict
        folder = words[1] if words[:1] == ["-C"] and len(words) > 1 else "."
        return FAULT, faults.report(error, faults.command_of(words), faults.state_of(Path(folder)))
