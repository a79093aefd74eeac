"""`monitor`."""

from __future__ import annotations

from pathlib import Path

import click

from fullturn.cli.verb import answer, json_option, opened


@click.command()
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a report page with plots.",
)
@json_option
def monitor(page: Path | None, as_json: bool) -> int:
    """Show the state of each detector, and alarms with their diagnosis."""
    return answer(opened().monitor(page), as_json)


COMMANDS = (monitor,)
