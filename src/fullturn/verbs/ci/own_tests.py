"""A project's own tests, as the pipeline runs them."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from fullturn.core.errors import CouldNotEvaluate, Refused, SettingsError
from fullturn.tracking.sources import files_of, is_test
from fullturn.verbs.workspace import Workspace

FAILED = 1
"""Exit code by which a test command says that a test failed; any other says that it could not."""


@dataclass(frozen=True, slots=True)
class Tested:
    """That the tests passed, or that there are none."""

    command: str | None
    seconds: float


def run_tests(project: Workspace, told: Callable[[str], None]) -> Tested:
    """Run the project's own tests; `told` gets each line that they print.

    Raises:
        Refused: a test failed.
        CouldNotEvaluate: the command is not there, found no test, or broke.
        SettingsError: the setting is no command line.
    """
    words = _command(project)
    if not words:
        return Tested(None, 0.0)
    command, began = shlex.join(words), time.monotonic()
    code = _run(words, project, told)
    if code == FAILED:
        raise Refused(f"the project's own tests fail: `{command}`; its output is above")
    if code:
        raise CouldNotEvaluate(
            f"the project's own tests could not be run: `{command}` ended with exit code {code}; "
            "its output is above"
        )
    return Tested(command, time.monotonic() - began)


def _command(project: Workspace) -> list[str]:
    named = project.settings.ci.tests
    try:
        words = shlex.split(named or "")
    except ValueError as error:
        raise SettingsError(f"[ci] tests = {named!r} is no command line: {error}") from None
    if words:
        return words
    any_tests = any(is_test(name) for name in files_of(project.root))
    return [sys.executable, "-m", "pytest", "-q"] if any_tests else []


def _run(words: list[str], project: Workspace, told: Callable[[str], None]) -> int:
    try:
        process = subprocess.Popen(
            words, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise CouldNotEvaluate(
            f"[ci] tests: '{words[0]}' cannot be started: {error.strerror}; install it, or name "
            "another command in fullturn.toml"
        ) from None
    with process:
        for line in process.stdout or ():
            told(line.rstrip("\n"))
    return process.returncode
