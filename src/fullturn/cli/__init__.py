"""argv → one call → rendered answer and exit code. Nothing else prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from fullturn.cli.commands import cli
from fullturn.cli.output import say_error
from fullturn.errors import CouldNotEvaluate, FullturnError, Inconclusive, Refused, UsageError

EXIT_CODES: tuple[tuple[type[FullturnError], int], ...] = (
    (UsageError, 2),
    (Refused, 1),
    (Inconclusive, 3),
    (CouldNotEvaluate, 4),
)
"""The one place where errors become exit codes."""
INTERRUPTED = (
    "interrupted; a run that was open is marked KILLED, a release under way stays: the next "
    "`fullturn turn` goes on with it"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and exit: 0 done, 1 refused, 2 usage, 3 inconclusive, 4 could not evaluate."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(words))


def _run(words: list[str]) -> int:
    as_json = "--json" in words
    try:
        return int(cli.main(words, prog_name="fullturn", standalone_mode=False) or 0)
    except FullturnError as error:
        code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))
        say_error(str(error), code, as_json=as_json)
        return code
    except click.ClickException as error:
        say_error(error.format_message(), 2, as_json=as_json)
        return 2
    except (click.Abort, KeyboardInterrupt):
        say_error(INTERRUPTED, 130, as_json=as_json)
        return 130
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say_error(_system(error), 4, as_json=as_json)
        return 4


def _system(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"the system refuses: {error.strerror or error}{place}; free space or rights, try again"
