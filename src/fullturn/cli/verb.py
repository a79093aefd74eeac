"""Shared by all commands: the project, the result in JSON or for people, NAME=VALUE options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fullturn.core.showing import Result
    from fullturn.project import Project


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--json: machine-readable output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def open_project() -> Project:
    """The project that this command works on; hints at renamed settings go to stderr."""
    from fullturn.cli.output import say_note
    from fullturn.core.settings import renamed
    from fullturn.project import Project

    project = Project.open(Path(click.get_current_context().obj))
    for sentence in renamed(project.root):
        say_note(sentence)
    return project


def answer(result: Result, as_json: bool) -> int:
    """Print a result, or its JSON; returns the exit code."""
    from fullturn.cli.output import say_json, show

    if as_json:
        say_json(result)
    else:
        show(result)
    return result.exit_code


def parameters(pairs: tuple[str, ...], hint: str) -> dict[str, str | int | float | bool]:
    """The `name=value` pairs of an option, values read as TOML would; `hint` names it in errors.

    Raises:
        click.BadParameter: a pair has no equals sign.
    """
    from fullturn.core.parsing import toml_value

    chosen: dict[str, str | int | float | bool] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"'{pair}' is not name=value", param_hint=hint)
        chosen[name.strip()] = toml_value(value.strip())
    return chosen
