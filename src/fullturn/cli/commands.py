"""The commands, grouped by topic. Importing this module loads only click."""

from __future__ import annotations

from typing import Any

import click

from fullturn.cli import delivery, elsewhere, experiments, lesson, llm, registry, serving, start

_SECTIONS = {
    "Start": start.COMMANDS + llm.COMMANDS,
    "Data and experiments": experiments.COMMANDS,
    "Gate and registry": registry.COMMANDS,
    "CI/CD": delivery.COMMANDS,
    "Serve and watch": serving.COMMANDS,
    "Models that serve elsewhere": elsewhere.COMMANDS,
    "Teach": lesson.COMMANDS,
}


class _Sections(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(c.name), c.get_short_help_str(70)) for c in commands])


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
    4 could not evaluate, 70 a fault of fullturn itself.
    """
    ctx.obj = folder


for _commands in _SECTIONS.values():
    for _command in _commands:
        cli.add_command(_command)
