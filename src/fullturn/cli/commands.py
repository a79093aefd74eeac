"""The commands, grouped by topic. Importing this module loads only click."""

from __future__ import annotations

from typing import Any

import click

from fullturn.cli import (
    answers,
    data,
    delivery,
    experiments,
    gate,
    lesson,
    monitoring,
    project,
    registry,
    release,
    serving,
    turn,
)

_SECTIONS = {
    "Start": ("demo", "init", "turn", "ask", "predict"),
    "Data": ("data",),
    "Experiments": ("train", "runs", "compare"),
    "Gate and registry": (
        "gate",
        "promote",
        "rollback",
        "history",
        "lineage",
        "verify",
        "reproduce",
    ),
    "CI/CD": ("ci", "cd", "deliver"),
    "Serve and watch": ("serve", "release", "monitor"),
    "Teach": ("present",),
}


class _Sections(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                commands = [(name, self.commands[name]) for name in names]
                formatter.write_dl([(name, c.get_short_help_str(70)) for name, c in commands])


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fullturn {version('fullturn')}")
        ctx.exit()


_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=_Sections, context_settings=_SETTINGS)
@click.option(
    "-C",
    "folder",
    default=".",
    metavar="DIR",
    help="Use the project in DIR.",
    show_default=True,
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version,
              help="Show the version and exit.")  # fmt: skip
@click.pass_context
def cli(ctx: click.Context, folder: str) -> None:
    """Run the full MLOps lifecycle for a model or an LLM application.

    New here? `fullturn demo` runs the whole lifecycle in two minutes. Every command supports
    --json. Exit codes: 0 success or passed, 1 refused by evidence, 2 usage error, 3 inconclusive,
    4 could not evaluate.
    """
    ctx.obj = folder


for _module in (
    project,
    answers,
    data,
    experiments,
    gate,
    registry,
    serving,
    release,
    delivery,
    monitoring,
    turn,
    lesson,
):
    for _command in _module.COMMANDS:
        cli.add_command(_command)
